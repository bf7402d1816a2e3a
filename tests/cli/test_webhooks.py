"""`authsvc webhook`, as an operator uses it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from harness import authsvc

from authsvc.config import Settings
from authsvc.domain.clock import SECOND
from authsvc.domain.ulid import public_id
from authsvc.domain.webhooks import DeliveryState, Due
from authsvc.store.deliveries import Deliveries
from authsvc.store.open import open_store
from authsvc.store.writes import Writes
from authsvc.webhooks.keys import read_key, secret_of

URL = "https://back.end.example/hook"
MARA = ("token", "create", "--user", "mara@foocorp.com", "--agent", "69629023906488334")
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Desk(NamedTuple):
    """An operator's settings."""

    database: str
    key_file: Path

    def run(self, *arguments: str, status: int = 0) -> str:
        """What a command prints; what it prints on standard error if it fails."""
        done = authsvc(*arguments, check=False, database_url=self.database, webhook_key_file=str(self.key_file))
        assert done.returncode == status, done.stderr
        return done.stderr if status else done.stdout

    def create(self, *more: str) -> int:
        """The id of a new webhook."""
        done = authsvc(
            *("webhook", "create", "--url", URL, *more), database_url=self.database, webhook_key_file=str(self.key_file)
        )
        return int(done.stderr.split()[1])

    def rows(self, *arguments: str) -> list[list[str]]:
        """The cells of a table that a command prints, without its headings."""
        return [re.split(r"  +", line) for line in self.run(*arguments).splitlines()[1:]]


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Desk:
    """The demo data, and no key yet."""
    return Desk(database, tmp_path / "keys" / "webhooks.key")


def test_the_secret_is_printed_when_a_webhook_is_made_and_whenever_asked(desk: Desk) -> None:
    """Creating prints just the secret, the same as `webhook secret` does later; the id is told beside it."""
    done = authsvc(
        *("webhook", "create", "--url", URL), database_url=desk.database, webhook_key_file=str(desk.key_file)
    )
    told = re.fullmatch(rf"webhook (\d+) \({re.escape(URL)}\): session\.created, session\.revoked\n", done.stderr)
    assert told
    assert done.stdout == f"{secret_of(read_key(desk.key_file), int(told[1]))}\n"
    assert desk.run("webhook", "secret", told[1]) == done.stdout


def test_webhooks_are_listed(desk: Desk) -> None:
    """The list has each webhook with its events, state and address, the oldest first."""
    first = desk.create()
    second = desk.create("--events", "session.revoked")
    desk.run("webhook", "disable", str(first))
    rows = desk.rows("webhook", "list")
    assert all(TIME.fullmatch(row.pop(3)) for row in rows)
    assert rows == [
        [str(first), "all", "disabled", URL],
        [str(second), "session.revoked", "enabled", URL],
    ]
    desk.run("webhook", "enable", str(first))
    assert desk.rows("webhook", "list")[0][2] == "enabled"
    desk.run("webhook", "delete", str(first))
    assert [row[0] for row in desk.rows("webhook", "list")] == [str(second)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("secret", "123"), "there is no webhook 123"),
        (("delete", "123"), "there is no webhook 123"),
        (("enable", "123"), "there is no webhook 123"),
        (("disable", "123"), "there is no webhook 123"),
        (("deliveries", "123"), "there is no webhook 123"),
        (("delete", "first"), "'first' is not an id, which is a decimal number"),
        (("deliveries", "--limit", "0"), "--limit: must be a number from 1 to 10000"),
        (("deliveries", "--limit", "10001"), "--limit: must be a number from 1 to 10000"),
        (("retry", "1"), "there is no failed delivery 1"),
    ],
)
def test_what_cannot_be_done_is_told(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    """A command that cannot be carried out says why in a sentence, with status 1."""
    assert desk.run("webhook", *arguments, status=1) == f"authsvc: {sentence}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--url", "http://back.end.example/"), "--url: must be https, as events are about people; --insecure "),
        (("--url", "nowhere"), "--url: must begin with https:// or http://"),
        (("--url", URL, "--events", "session.expired"), "there is no event session.expired; there are session.created"),
        (("--url", URL, "--events", ""), "there is no event ; there are session.created"),
    ],
)
def test_what_is_no_webhook(desk: Desk, arguments: tuple[str, ...], sentence: str) -> None:
    """What cannot be a webhook is told, and none is made."""
    assert desk.run("webhook", "create", *arguments, status=1).startswith(f"authsvc: {sentence}")
    assert desk.rows("webhook", "list") == []


def test_http_to_another_machine_on_request(desk: Desk) -> None:
    """`--insecure` allows an address without TLS."""
    desk.run("webhook", "create", "--url", "http://back-end:3000/", "--insecure")
    assert desk.rows("webhook", "list")[0][-1] == "http://back-end:3000/"


def test_a_lost_key_is_not_replaced(desk: Desk) -> None:
    """While there are webhooks, no new key is made: it would make their secrets void without a word."""
    webhook_id = desk.create()
    desk.key_file.unlink()
    missing = f"authsvc: webhook_key_file: {desk.key_file} does not exist"
    reason = ", but there are webhooks whose secrets it gave\n"
    assert desk.run("webhook", "create", "--url", URL, status=1) == missing + reason
    assert desk.run("webhook", "secret", str(webhook_id), status=1) == f"{missing}\n"
    assert not desk.key_file.exists()
    desk.run("webhook", "delete", str(webhook_id))
    desk.create()
    assert desk.key_file.exists()


def test_a_key_that_others_can_read_makes_no_webhook(desk: Desk) -> None:
    """A key file that is open to others stops the command, and no webhook is made."""
    desk.key_file.parent.mkdir()
    desk.key_file.write_bytes(bytes(32))
    desk.key_file.chmod(0o644)
    told = desk.run("webhook", "create", "--url", URL, status=1)
    assert told == (
        f"authsvc: webhook_key_file: others can read or change {desk.key_file}; run `chmod 600 {desk.key_file}`\n"
    )
    assert desk.rows("webhook", "list") == []


def test_the_log_of_deliveries(desk: Desk) -> None:
    """The log shows each delivery with its event, webhook, state, attempts and last answer, the newest first."""
    first, second = desk.create(), desk.create("--events", "session.created")
    desk.run(*MARA)
    events = asyncio.run(_deliver(desk, [first, second]))
    rows = desk.rows("webhook", "deliveries")
    assert [row[4] for row in rows] == [str(second), str(first)]
    newest, oldest = rows
    assert newest[1] == oldest[1] == events[first]
    assert newest[2] == oldest[2] == "session.created"
    assert newest[5:7] == ["failed", "7"]
    assert newest[8:] == ["301 redirects are not followed", "-"]
    assert oldest[5:7] == ["pending", "1"]
    assert oldest[8] == "the connection was refused"
    assert all(TIME.fullmatch(cell) for cell in (newest[3], newest[7], oldest[3], oldest[7], oldest[9]))
    assert desk.rows("webhook", "deliveries", str(first)) == [oldest]
    assert desk.rows("webhook", "deliveries", "--failed") == [newest]
    assert desk.rows("webhook", "deliveries", "--limit", "1") == [newest]


def test_retry(desk: Desk) -> None:
    """A failed delivery can be put back, once; it is due at once then, with all its attempts before it."""
    webhook_id = desk.create()
    desk.run(*MARA)
    asyncio.run(_deliver(desk, [0, webhook_id]))
    ((delivery_id, *_),) = desk.rows("webhook", "deliveries", "--failed")
    desk.run("webhook", "retry", delivery_id)
    ((_, _, _, _, _, state, attempts, *_),) = desk.rows("webhook", "deliveries")
    assert (state, attempts) == ("pending", "0")
    assert desk.run("webhook", "retry", delivery_id, status=1) == (
        f"authsvc: there is no failed delivery {delivery_id}\n"
    )


async def _deliver(desk: Desk, webhook_ids: list[int]) -> dict[int, str]:
    """Try what is owed: to the first webhook in vain, to the others for the last time; the ids of the events."""
    executor = await open_store(Path(desk.database.removeprefix("sqlite:///")))
    store = Deliveries(executor, Writes(executor))
    for webhook_id in webhook_ids:
        await store.enqueue(webhook_id, 10)
    at = 2_000_000_000 * SECOND
    for due in await store.claim(at, 1, 10):
        await _settle(store, due, at, is_last=due.webhook_id != webhook_ids[0])
    events = {each.webhook_id: public_id("event", each.at, each.sequence) for each in await store.log()}
    await executor.close()
    return events


async def _settle(store: Deliveries, due: Due, at: int, *, is_last: bool) -> None:
    await store.settle(
        due.id,
        DeliveryState.FAILED if is_last else DeliveryState.PENDING,
        attempts=7 if is_last else 1,
        status=301 if is_last else None,
        error="redirects are not followed" if is_last else "the connection was refused",
        next_at=at,
        at=at,
    )


def test_the_key_file_is_a_setting_of_its_commands_only() -> None:
    """The flag of the key file is where a secret is printed; other commands do not look at it."""
    for action in ("create", "secret"):
        assert "--webhook-key-file VALUE" in authsvc("webhook", action, "--help").stdout
    assert "--webhook-key-file" not in authsvc("webhook", "list", "--help").stdout
    assert Settings.model_fields["webhook_key_file"].default == Path("var/webhooks.key")

"""`authsvc webhook`, as an operator uses it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from harness import command

from authsvc.domain.clock import SECOND, now
from authsvc.domain.ulid import public_id
from authsvc.domain.webhooks import DeliveryState
from authsvc.store.deliveries import Deliveries
from authsvc.store.open import open_store
from authsvc.store.writes import Writes
from authsvc.webhooks.keys import key_file, secret_of

URL = "https://back.end.example/hook"
MARA = ("token", "create", "--user", "mara@foocorp.com", "--agent", "69629023906488334")
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Desk(NamedTuple):
    """An operator's settings."""

    database: str
    key_file: Path

    def run(self, *arguments: str, status: int = 0) -> str:
        """What a command prints; what it prints on standard error if it fails."""
        done = command(*arguments, check=False, database_url=self.database, webhook_key_file=str(self.key_file))
        assert done.returncode == status, done.stderr
        return done.stderr if status else done.stdout

    def create(self, *more: str) -> int:
        """The id of a new webhook."""
        done = command(
            *("webhook", "create", "--url", URL, *more), database_url=self.database, webhook_key_file=str(self.key_file)
        )
        return int(re.findall(r"^webhook (\d+)", done.stderr, re.MULTILINE)[0])

    def rows(self, *arguments: str) -> list[list[str]]:
        """The cells of a table that a command prints, without its headings."""
        return [re.split(r"  +", line) for line in self.run(*arguments).splitlines()[1:]]


@pytest.fixture
def desk(database: str, tmp_path: Path) -> Desk:
    """The demo data, and no key yet."""
    return Desk(database, tmp_path / "keys" / "webhooks.key")


def test_the_secret_is_printed_when_a_webhook_is_made_and_whenever_asked(desk: Desk) -> None:
    """Creating prints just the secret, the same as `webhook secret` does later; the id is told beside it."""
    done = command(
        *("webhook", "create", "--url", URL), database_url=desk.database, webhook_key_file=str(desk.key_file)
    )
    told = re.fullmatch(
        rf"made the key file {re.escape(str(desk.key_file))}: keep a copy of it\n"
        rf"webhook (\d+) \({re.escape(URL)}\): session\.created, session\.revoked\n",
        done.stderr,
    )
    assert told
    assert done.stdout == f"{secret_of(key_file(desk.key_file).read(), int(told[1]))}\n"
    assert desk.run("webhook", "secret", told[1]) == done.stdout


def test_the_key_is_beside_the_database(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting the key file is where the database is, from whatever folder a command is run."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    made = command("webhook", "create", "--url", URL, database_url=database)
    assert (tmp_path / "webhooks.key").is_file()
    assert list(Path().iterdir()) == []
    monkeypatch.chdir(tmp_path)
    (webhook_id,) = re.findall(r"^webhook (\d+)", made.stderr, re.MULTILINE)
    again = command("webhook", "secret", webhook_id, database_url=f"sqlite:///{Path(database[10:]).name}")
    assert again.stdout == made.stdout


def test_webhooks_are_listed(desk: Desk) -> None:
    """The list has each webhook with its events, state and address, the oldest first."""
    first = desk.create()
    second = desk.create("--events", "session.revoked, session.revoked")
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
        (("retry", "1"), "there is no failed or pending delivery 1"),
        (("retry", "--webhook", "123"), "there is no webhook 123"),
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
        (("--url", URL, "--events", "session.expired"), "--events: 'session.expired' is not one of session.created, "),
        (("--url", URL, "--events", ""), "--events: '' is not one of session.created, session.revoked\n"),
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


def test_another_key_is_refused(desk: Desk) -> None:
    """No secret is made from another key than that of the webhooks there are, neither anew nor again."""
    webhook_id = desk.create()
    right = desk.key_file.read_bytes()
    desk.key_file.write_bytes(bytes(32))
    sentence = f"authsvc: webhook_key_file: {desk.key_file} is not the key of the webhooks there are; "
    for arguments in (("create", "--url", URL), ("secret", str(webhook_id))):
        assert desk.run("webhook", *arguments, status=1).startswith(sentence)
    assert len(desk.rows("webhook", "list")) == 1
    desk.key_file.write_bytes(right)
    desk.create()


@pytest.mark.parametrize("lost", [False, True])
def test_rotate(desk: Desk, *, lost: bool) -> None:
    """A new key takes the place of the old one, or of a lost one, and all new secrets are printed."""
    ids = [desk.create() for _ in range(2)]
    before = [desk.run("webhook", "secret", str(webhook_id)) for webhook_id in ids]
    if lost:
        desk.key_file.unlink()
    printed = desk.run("webhook", "rotate")
    key = key_file(desk.key_file).read()
    assert printed.splitlines() == [f"{webhook_id} {secret_of(key, webhook_id)}" for webhook_id in ids]
    after = [desk.run("webhook", "secret", str(webhook_id)) for webhook_id in ids]
    assert after == [f"{secret_of(key, webhook_id)}\n" for webhook_id in ids]
    assert not set(after) & set(before)
    assert list(desk.key_file.parent.iterdir()) == [desk.key_file]
    desk.create()


def test_a_key_that_cannot_be_replaced_changes_nothing(desk: Desk) -> None:
    """When the new key cannot be put in place, the webhooks keep the old one."""
    webhook_id = str(desk.create())
    secret = desk.run("webhook", "secret", webhook_id)
    elsewhere = Desk(desk.database, desk.key_file / "webhooks.key")
    assert elsewhere.run("webhook", "rotate", status=1).startswith("authsvc: webhook_key_file: ")
    assert desk.run("webhook", "secret", webhook_id) == secret


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
    """A failed or pending delivery can be made due at once, with all its attempts before it; a delivered one cannot."""
    first, second = desk.create(), desk.create()
    desk.run(*MARA)
    asyncio.run(_deliver(desk, [first, second]))
    for delivery_id, *_ in desk.rows("webhook", "deliveries"):
        assert desk.run("webhook", "retry", delivery_id) == ""
    rows = desk.rows("webhook", "deliveries")
    assert [row[5:7] for row in rows] == [["pending", "0"]] * 2
    asyncio.run(_deliver(desk, [first, second], DeliveryState.DELIVERED))
    assert desk.run("webhook", "retry", rows[0][0], status=1) == (
        f"authsvc: there is no failed or pending delivery {rows[0][0]}\n"
    )


def test_retry_of_a_whole_webhook(desk: Desk) -> None:
    """After an outage everything that is owed to a webhook can be made due at once."""
    first, second = desk.create(), desk.create()
    desk.run(*MARA)
    asyncio.run(_deliver(desk, [first, second]))
    assert desk.run("webhook", "retry", "--webhook", str(second)) == "1 delivery is due now\n"
    assert [row[4:7] for row in desk.rows("webhook", "deliveries")] == [
        [str(second), "pending", "0"],
        [str(first), "pending", "1"],
    ]
    assert desk.run("webhook", "retry", "--webhook", str(first)) == "1 delivery is due now\n"
    assert desk.rows("webhook", "deliveries")[1][6] == "0"
    assert desk.run("webhook", "retry", "--webhook", str(first)) == "0 deliveries are due now\n"


def test_retry_of_one_or_of_all() -> None:
    """Either a delivery or a webhook is named: neither, or both, is wrong usage."""
    for arguments in ((), ("1", "--webhook", "2")):
        assert command("webhook", "retry", *arguments, check=False).returncode == 2


async def _deliver(desk: Desk, webhook_ids: list[int], last: DeliveryState = DeliveryState.FAILED) -> dict[int, str]:
    """Try what is owed: to the first webhook in vain, to the others for the last time; the ids of the events."""
    executor = await open_store(Path(desk.database.removeprefix("sqlite:///")))
    store = Deliveries(executor, Writes(executor))
    for webhook in await store.webhooks():
        await store.enqueue(webhook, 10)
    at = now()
    for due in await store.claim(at, 1, 10, lambda _: 10):
        is_first = due.webhook_id == webhook_ids[0] and last is DeliveryState.FAILED
        await store.settle(
            due.id,
            DeliveryState.PENDING if is_first else last,
            attempts=1 if is_first else 7,
            status=None if is_first else 301,
            error="the connection was refused" if is_first else "redirects are not followed",
            next_at=at + 3600 * SECOND if is_first else at,
            at=at,
        )
    events = {each.webhook_id: public_id("event", each.at, each.sequence) for each in await store.log()}
    await executor.close()
    return events


def test_the_key_file_is_a_setting_of_its_commands_only() -> None:
    """The flag of the key file is where a secret is printed; other commands do not look at it."""
    for action in ("create", "secret", "rotate"):
        assert "--webhook-key-file VALUE" in command("webhook", action, "--help").stdout
    assert "--webhook-key-file" not in command("webhook", "list", "--help").stdout

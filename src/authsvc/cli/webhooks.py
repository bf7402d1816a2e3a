"""`authsvc webhook create`, `secret`, `rotate`, `list`, `enable`, `disable`, `delete`, `deliveries` and `retry`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from authsvc.cli.flags import with_settings
from authsvc.cli.tables import moment, table
from authsvc.cli.values import choice
from authsvc.config import Settings
from authsvc.domain.ids import parse_id
from authsvc.domain.sessions import SESSION_EVENTS, event_name
from authsvc.domain.ulid import public_id
from authsvc.domain.webhooks import Delivery, DeliveryState, Webhook
from authsvc.errors import Refused

if TYPE_CHECKING:
    from authsvc.store.deliveries import Deliveries

_T = TypeVar("_T")
_MOST = 10_000
_WEBHOOKS = ("ID", "EVENTS", "STATE", "CREATED", "URL")
_DELIVERIES = ("ID", "EVENT ID", "EVENT", "HAPPENED", "WEBHOOK", "STATE", "ATTEMPTS", "LAST", "ANSWER", "NEXT")


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    webhook = commands.add_parser("webhook", help="tell back ends of events, and see how that went")
    actions = webhook.add_subparsers(metavar="ACTION", required=True)
    _add_create(actions, database)
    printing = actions.add_parser(
        "secret", parents=[database, with_settings(database, "webhook_key_file")], help="print a webhook's secret again"
    )
    printing.add_argument("id", metavar="ID", help="the webhook's id")
    printing.set_defaults(run=secret)
    rotating = actions.add_parser(
        "rotate",
        parents=[database, with_settings(database, "webhook_key_file")],
        help="make a new key, and print the new secrets",
    )
    rotating.set_defaults(run=rotate)
    listing = actions.add_parser("list", parents=[database], help="print all webhooks")
    listing.set_defaults(run=show)
    for name, run, does in (
        ("enable", enable, "go on with a webhook, and tell it what has happened meanwhile"),
        ("disable", disable, "send a webhook nothing for now"),
        ("delete", remove, "end a webhook, and forget its deliveries"),
    ):
        parser = actions.add_parser(name, parents=[database], help=does)
        parser.add_argument("id", metavar="ID", help="the webhook's id")
        parser.set_defaults(run=run)
    log = actions.add_parser("deliveries", parents=[database], help="print the newest deliveries")
    log.add_argument("id", nargs="?", metavar="ID", help="those to the webhook with this id only")
    log.add_argument("--failed", action="store_true", help="those only that are not tried again")
    log.add_argument("--limit", default="100", metavar="N", help="how many at most (100)")
    log.set_defaults(run=deliveries)
    again = actions.add_parser("retry", parents=[database], help="try deliveries that failed again, at once")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="DELIVERY", help="the delivery's id")
    which.add_argument("--webhook", metavar="ID", help="all that have failed, or wait to be tried again, to this one")
    again.set_defaults(run=retry)


def create(settings: Settings, options: argparse.Namespace) -> int:
    """Print the secret of a new webhook, and nothing else, on standard output; its id on standard error."""
    from authsvc.webhooks.keys import fingerprint, secret_of  # noqa: PLC0415 - for these commands only
    from authsvc.webhooks.urls import checked_url  # noqa: PLC0415

    url = checked_url(options.url, insecure=options.insecure)
    wanted = events(options.events)

    async def work(store: Deliveries) -> tuple[int, bytes]:
        key = _key(settings.webhook_key_file, await store.webhooks())
        return await store.create_webhook(url, fingerprint(key), wanted), key

    webhook_id, key = _on_deliveries(settings, work)
    print(f"webhook {webhook_id} ({url}): {', '.join(wanted or SESSION_EVENTS)}", file=sys.stderr)
    print(secret_of(key, webhook_id))
    return 0


def _key(path: Path, webhooks: list[Webhook]) -> bytes:
    """The key of these webhooks; a new one if there are none, and no file."""
    from authsvc.identity.keyfile import NoKey  # noqa: PLC0415
    from authsvc.webhooks.keys import key_file, key_of  # noqa: PLC0415

    try:
        return key_of(path, webhooks)
    except NoKey as error:
        if webhooks:
            # A new key would make their secrets void.
            raise Refused(f"{error}, but there are webhooks whose secrets it gave") from None
    key = key_file(path).make()
    print(f"made the key file {path.absolute()}: keep a copy of it", file=sys.stderr)
    return key


def secret(settings: Settings, options: argparse.Namespace) -> int:
    """Print a webhook's secret, and nothing else."""
    from authsvc.webhooks.keys import key_of, secret_of  # noqa: PLC0415

    webhook_id = _id(options.id)
    webhook = _on_deliveries(settings, lambda store: store.webhook(webhook_id))
    if webhook is None:
        raise _no_webhook(webhook_id)
    print(secret_of(key_of(settings.webhook_key_file, [webhook]), webhook_id))
    return 0


def rotate(settings: Settings, options: argparse.Namespace) -> int:
    """Put a new key in place of the one there may be; print each webhook's id and new secret."""
    from authsvc.identity.keyfile import new_key  # noqa: PLC0415
    from authsvc.webhooks.keys import fingerprint, key_file, secret_of  # noqa: PLC0415

    key = new_key()

    def put_in_place() -> None:
        key_file(settings.webhook_key_file).replace(key)

    found = _on_deliveries(settings, lambda store: store.set_key(fingerprint(key), put_in_place))
    for webhook in found:
        print(webhook.id, secret_of(key, webhook.id))
    return 0


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Print a table of all webhooks, the oldest first."""
    found = _on_deliveries(settings, lambda store: store.webhooks())
    print(table([_WEBHOOKS, *map(_webhook_cells, found)]))
    return 0


def enable(settings: Settings, options: argparse.Namespace) -> int:
    """Go on with a webhook; the status is 1 if there is no such webhook."""
    return _on_webhook(settings, options, lambda store, webhook_id: store.set_disabled(webhook_id, disabled=False))


def disable(settings: Settings, options: argparse.Namespace) -> int:
    """Send a webhook nothing for now; the status is 1 if there is no such webhook."""
    return _on_webhook(settings, options, lambda store, webhook_id: store.set_disabled(webhook_id, disabled=True))


def remove(settings: Settings, options: argparse.Namespace) -> int:
    """Delete a webhook; the status is 1 if there is no such webhook."""
    return _on_webhook(settings, options, lambda store, webhook_id: store.delete_webhook(webhook_id))


def deliveries(settings: Settings, options: argparse.Namespace) -> int:
    """Print a table of the newest deliveries, newest first."""
    webhook_id = None if options.id is None else _id(options.id)
    limit = parse_id(options.limit)
    if limit is None or limit > _MOST:
        raise Refused(f"--limit: must be a number from 1 to {_MOST}")

    async def work(store: Deliveries) -> list[Delivery]:
        if webhook_id is not None:
            await _must_exist(store, webhook_id)
        return await store.log(webhook_id, failed=options.failed, limit=limit)

    print(table([_DELIVERIES, *map(_delivery_cells, _on_deliveries(settings, work))]))
    return 0


def retry(settings: Settings, options: argparse.Namespace) -> int:
    """Make deliveries due now; the status is 1 if there is no such webhook, or no such delivery that is not done."""
    if options.webhook is None:
        delivery_id = _id(options.id)
        if not _on_deliveries(settings, lambda store: store.retry(delivery_id)):
            raise Refused(f"there is no failed or pending delivery {delivery_id}")
        return 0
    webhook_id = _id(options.webhook)

    async def work(store: Deliveries) -> int:
        await _must_exist(store, webhook_id)
        return await store.retry_all(webhook_id)

    count = _on_deliveries(settings, work)
    print(f"{count} {'delivery is' if count == 1 else 'deliveries are'} due now")
    return 0


def events(text: str | None) -> tuple[str, ...]:
    """The value of `--events`, each name once; none if it is left out. Raises `Refused` for an unknown name."""
    return () if text is None else choice("--events", text, SESSION_EVENTS)


def _add_create(actions: Any, database: argparse.ArgumentParser) -> None:
    creating = actions.add_parser(
        "create",
        parents=[database, with_settings(database, "webhook_key_file")],
        help="print the secret of a new webhook",
    )
    creating.add_argument("--url", required=True, metavar="URL", help="where to send; https, or http to this machine")
    wanted = f"what to tell, separated by commas: {', '.join(SESSION_EVENTS)}; all of it if left out"
    creating.add_argument("--events", metavar="LIST", help=wanted)
    creating.add_argument("--insecure", action="store_true", help="allow http to other machines, too")
    creating.set_defaults(run=create)


def _on_deliveries(settings: Settings, work: Callable[[Deliveries], Awaitable[_T]]) -> _T:
    from authsvc.cli.store import on_store  # noqa: PLC0415 - heavy, and only for commands on the database
    from authsvc.store.deliveries import Deliveries  # noqa: PLC0415

    return on_store(settings, lambda executor, writes: work(Deliveries(executor, writes)))


def _on_webhook(
    settings: Settings, options: argparse.Namespace, work: Callable[[Deliveries, int], Awaitable[bool]]
) -> int:
    webhook_id = _id(options.id)
    if not _on_deliveries(settings, lambda store: work(store, webhook_id)):
        raise _no_webhook(webhook_id)
    return 0


async def _must_exist(store: Deliveries, webhook_id: int) -> None:
    if await store.webhook(webhook_id) is None:
        raise _no_webhook(webhook_id)


def _no_webhook(webhook_id: int) -> Refused:
    return Refused(f"there is no webhook {webhook_id}")


def _id(text: str) -> int:
    found = parse_id(text)
    if found is None:
        raise Refused(f"{text!r} is not an id, which is a decimal number")
    return found


def _webhook_cells(webhook: Webhook) -> tuple[str, ...]:
    events = webhook.events.replace(" ", ",") or "all"
    state = "disabled" if webhook.disabled else "enabled"
    return str(webhook.id), events, state, moment(webhook.created_at), webhook.url


def _delivery_cells(delivery: Delivery) -> tuple[str, ...]:
    answer = " ".join(str(part) for part in (delivery.last_status, delivery.last_error) if part is not None)
    is_pending = delivery.state == DeliveryState.PENDING
    return (
        str(delivery.id),
        public_id("event", delivery.at, delivery.sequence),
        event_name(delivery.action),
        moment(delivery.at),
        str(delivery.webhook_id),
        DeliveryState(delivery.state).name.lower(),
        str(delivery.attempts),
        moment(delivery.last_at),
        answer or "-",
        moment(delivery.next_at) if is_pending else "-",
    )

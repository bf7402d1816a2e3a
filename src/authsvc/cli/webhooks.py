"""`authsvc webhook create`, `secret`, `list`, `enable`, `disable`, `delete`, `deliveries` and `retry`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from authsvc.cli.tables import moment, table
from authsvc.config import Settings
from authsvc.domain.ids import parse_id
from authsvc.domain.sessions import SESSION_EVENTS
from authsvc.domain.ulid import public_id
from authsvc.domain.webhooks import Delivery, DeliveryState, Webhook
from authsvc.errors import Refused

if TYPE_CHECKING:
    from authsvc.store.deliveries import Deliveries

_T = TypeVar("_T")
_MOST = 10_000
_WEBHOOKS = ("ID", "EVENTS", "STATE", "CREATED", "URL")
_DELIVERIES = ("ID", "EVENT ID", "EVENT", "HAPPENED", "WEBHOOK", "STATE", "ATTEMPTS", "LAST", "ANSWER", "NEXT")
_NAMES = {action: name for name, action in SESSION_EVENTS.items()}


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    webhook = commands.add_parser("webhook", help="tell back ends of events, and see how that went")
    actions = webhook.add_subparsers(metavar="ACTION", required=True)
    _add_create(actions, database)
    printing = actions.add_parser(
        "secret", parents=[database, _key_file(database)], help="print a webhook's secret again"
    )
    printing.add_argument("id", metavar="ID", help="the webhook's id")
    printing.set_defaults(run=secret)
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
    again = actions.add_parser("retry", parents=[database], help="send a failed delivery again, at once")
    again.add_argument("id", metavar="DELIVERY", help="the delivery's id")
    again.set_defaults(run=retry)


def create(settings: Settings, options: argparse.Namespace) -> int:
    """Print the secret of a new webhook, and nothing else, on standard output; its id on standard error."""
    from authsvc.webhooks.keys import NoKey, make_key, read_key, secret_of  # noqa: PLC0415 - for these commands only
    from authsvc.webhooks.urls import checked_url  # noqa: PLC0415

    url = checked_url(options.url, insecure=options.insecure)
    events = () if options.events is None else tuple(name.strip() for name in options.events.split(","))

    async def work(store: Deliveries) -> tuple[int, bytes]:
        try:
            key = read_key(settings.webhook_key_file)
        except NoKey as error:
            if await store.webhooks():
                # A new key would make their secrets void.
                raise Refused(f"{error}, but there are webhooks whose secrets it gave") from None
            key = make_key(settings.webhook_key_file)
        return await store.create_webhook(url, events), key

    webhook_id, key = _on_deliveries(settings, work)
    print(f"webhook {webhook_id} ({url}): {', '.join(events or SESSION_EVENTS)}", file=sys.stderr)
    print(secret_of(key, webhook_id))
    return 0


def secret(settings: Settings, options: argparse.Namespace) -> int:
    """Print a webhook's secret, and nothing else."""
    from authsvc.webhooks.keys import read_key, secret_of  # noqa: PLC0415

    webhook_id = _id(options.id)
    if _on_deliveries(settings, lambda store: store.webhook(webhook_id)) is None:
        raise Refused(f"there is no webhook {webhook_id}")
    print(secret_of(read_key(settings.webhook_key_file), webhook_id))
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
        if webhook_id is not None and await store.webhook(webhook_id) is None:
            raise Refused(f"there is no webhook {webhook_id}")
        return await store.log(webhook_id, failed=options.failed, limit=limit)

    print(table([_DELIVERIES, *map(_delivery_cells, _on_deliveries(settings, work))]))
    return 0


def retry(settings: Settings, options: argparse.Namespace) -> int:
    """Send a failed delivery again; the status is 1 if there is no failed delivery with the id."""
    delivery_id = _id(options.id)
    if not _on_deliveries(settings, lambda store: store.retry(delivery_id)):
        raise Refused(f"there is no failed delivery {delivery_id}")
    return 0


def _add_create(actions: Any, database: argparse.ArgumentParser) -> None:
    creating = actions.add_parser(
        "create", parents=[database, _key_file(database)], help="print the secret of a new webhook"
    )
    creating.add_argument("--url", required=True, metavar="URL", help="where to send; https, or http to this machine")
    wanted = f"what to tell, separated by commas: {', '.join(SESSION_EVENTS)}; all of it if left out"
    creating.add_argument("--events", metavar="LIST", help=wanted)
    creating.add_argument("--insecure", action="store_true", help="allow http to other machines, too")
    creating.set_defaults(run=create)


def _key_file(database: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The flag of the key file, beside that of the database."""
    name = "webhook_key_file"
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("settings")
    description = Settings.model_fields[name].description
    group.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=description)
    parser.set_defaults(settings=[*database.get_default("settings"), name])
    return parser


def _on_deliveries(settings: Settings, work: Callable[[Deliveries], Awaitable[_T]]) -> _T:
    from authsvc.cli.store import on_store  # noqa: PLC0415 - heavy, and only for commands on the database
    from authsvc.store.deliveries import Deliveries  # noqa: PLC0415

    return on_store(settings, lambda executor, writes: work(Deliveries(executor, writes)))


def _on_webhook(
    settings: Settings, options: argparse.Namespace, work: Callable[[Deliveries, int], Awaitable[bool]]
) -> int:
    webhook_id = _id(options.id)
    if not _on_deliveries(settings, lambda store: work(store, webhook_id)):
        raise Refused(f"there is no webhook {webhook_id}")
    return 0


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
        _NAMES.get(delivery.action, delivery.action),
        moment(delivery.at),
        str(delivery.webhook_id),
        DeliveryState(delivery.state).name.lower(),
        str(delivery.attempts),
        moment(delivery.last_at),
        answer or "-",
        moment(delivery.next_at) if is_pending else "-",
    )

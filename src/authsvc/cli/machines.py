"""`authsvc machine secret` and `authsvc machine key`: by what programs prove who they are (RFC 6749, RFC 7523)."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from authsvc.cli.tokens import lifetime
from authsvc.config import Settings
from authsvc.domain.clock import now
from authsvc.domain.ids import MAX_ID
from authsvc.domain.tokens import new_token
from authsvc.errors import Refused

if TYPE_CHECKING:  # heavy, and only for commands on the database
    from authsvc.domain.machines import Machine
    from authsvc.store.executor import Executor
    from authsvc.store.writes import Writes

_RSA_BITS = 2048


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    machine = commands.add_parser("machine", help="secrets and keys of machine users")
    actions = machine.add_subparsers(metavar="ACTION", required=True)
    about = "print a new secret; the old one counts no more"
    renewing = actions.add_parser("secret", parents=[database], help=about)
    renewing.add_argument("--remove", action="store_true", help="take the secret away instead")
    renewing.set_defaults(run=secret)
    about = "print a new private key as JSON; its public half is stored, and the keys there are go on to count"
    adding = actions.add_parser("key", parents=[database], help=about)
    adding.add_argument("--ttl", metavar="TIME", help="how long the key counts: 15m, 1h, 90d; for ever if left out")
    adding.set_defaults(run=key)
    for parser in (renewing, adding):
        parser.add_argument("login_name", metavar="LOGIN_NAME", help="whose; an id will do")


def secret(settings: Settings, options: argparse.Namespace) -> int:
    """Print the secret, and nothing else; nobody can print it again."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.identity.passwords import hash_password  # noqa: PLC0415

    value = None if options.remove else new_token()

    async def work(executor: Executor, writes: Writes) -> None:
        from authsvc.store.machine_writes import MachineWrites  # noqa: PLC0415

        machine = await _find(executor, writes, options.login_name)
        await MachineWrites(writes).set_secret(machine, None if value is None else hash_password(value))

    on_store(settings, work)
    if value is not None:
        print(value)
    return 0


def key(settings: Settings, options: argparse.Namespace) -> int:
    """Print the key in the form that ZITADEL gives its service accounts' keys; nobody can print it again."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    life = None if options.ttl is None else _life(options.ttl)

    async def work(executor: Executor, writes: Writes) -> dict[str, str]:
        from authsvc.store.machine_writes import MachineWrites  # noqa: PLC0415

        machine = await _find(executor, writes, options.login_name)
        private, public = _key_pair()
        expires_at = None if life is None else now() + life
        key_id = await MachineWrites(writes).add_key(machine, public, expires_at)
        return {"type": "serviceaccount", "keyId": str(key_id), "key": private, "userId": str(machine.user_id)}

    print(json.dumps(on_store(settings, work)))
    return 0


async def _find(executor: Executor, writes: Writes, name: str) -> Machine:
    """The machine user with this login name or id. Raises `Refused` if there is none."""
    from authsvc.store.machines import Machines  # noqa: PLC0415

    machine = await Machines(executor, writes).by_name(name)
    if machine is None:
        raise Refused(f"no machine user has the login name {name}")
    return machine


def _life(text: str) -> int:
    life = lifetime(text)
    if not 0 < life <= MAX_ID - now():
        raise Refused("--ttl: must be more than nothing, and end before time does")
    return life


def _key_pair() -> tuple[str, str]:
    """A private and its public key in PEM: RSA, which every library for assertions knows."""
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private = rsa.generate_private_key(public_exponent=65_537, key_size=_RSA_BITS)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    text = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return text.decode(), public.decode().strip()

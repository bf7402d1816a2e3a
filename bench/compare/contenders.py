"""Who is compared: authsvc, the ceilings of its parts, and the same service built in other ways."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.compare.databases import Filled
from bench.compare.doors import Door
from bench.compare.services import ROOT, Service, free_address, running

AUTHSVC = "authsvc"
REMEMBERED = "authsvc with rows from memory"
HANDLERS = "empty handlers on authsvc's stack"
ASGI = "empty ASGI application on authsvc's HTTP engine"
GRPC_AIO = "empty handler on grpc.aio"
FASTAPI = "FastAPI with SQLAlchemy's ORM"
CONNECT = "connectrpc"
GATEWAY = "grpc-gateway in front of authsvc"
GRPC_GO = "grpc-go"

_PEERS = ROOT / "bench" / "peers"
_PACKAGES = ROOT / ".venv" / "peers"
_GO = ROOT / "build" / "bench"
Start = Callable[[Filled, Service], AbstractContextManager[Service]]


@dataclass(frozen=True)
class Contender:
    """Somebody who answers calls: through which doors, and whether with what the database says.

    `start` is given the database and the running authsvc. What does nothing is asked for GetMyUser only; a `ceiling`
    leaves out something that has to be done. `needs` are files without which it cannot be started, and `hint` says
    how to get them.
    """

    name: str
    doors: tuple[Door, ...]
    start: Start
    real: bool = True
    ceiling: bool = False
    needs: tuple[Path, ...] = ()
    hint: str = ""

    def missing(self) -> str:
        """Why it cannot be started; empty if it can."""
        gone = [str(path.relative_to(ROOT)) for path in self.needs if not path.exists()]
        return f"{self.name}: no {', '.join(gone)} ({self.hint})" if gone else ""


@contextmanager
def _ceiling(kind: str, filled: Filled, authsvc: Service) -> Iterator[Service]:
    address = free_address()
    command = [sys.executable, "-m", "bench.compare.ceilings", kind, "--listen", address, "--database", filled.url]
    with running(command) as started:
        yield Service(address, (started.pid,))


@contextmanager
def _python(program: Path, filled: Filled, authsvc: Service) -> Iterator[Service]:
    address = free_address()
    paths = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, str(program), "--database", filled.url, "--listen", address]
    with running(command, {"PYTHONPATH": paths}) as started:
        yield Service(address, (started.pid,))


@contextmanager
def _gateway(program: Path, filled: Filled, authsvc: Service) -> Iterator[Service]:
    address = free_address()
    with running([str(program), "--backend", authsvc.grpcio, "--listen", address]) as started:
        yield Service(address, (started.pid, *authsvc.pids))  # what answers is both of them


@contextmanager
def _go_server(program: Path, filled: Filled, authsvc: Service) -> Iterator[Service]:
    address = free_address()
    with running([str(program), "--database", filled.path, "--listen", address]) as started:
        yield Service(address, (started.pid,))


def _in_python(name: str, program: str, doors: Sequence[Door]) -> Contender:
    path = _PEERS / program
    needs = (path, _PACKAGES / ".stamp")
    return Contender(name, tuple(doors), partial(_python, path), needs=needs, hint="make .venv/peers/.stamp")


def _in_go(
    name: str, program: str, doors: Sequence[Door], start: Callable[..., AbstractContextManager[Service]]
) -> Contender:
    path = _GO / program
    return Contender(name, tuple(doors), partial(start, path), needs=(path,), hint="make bench-go, which needs Go")


OTHERS = (
    Contender(REMEMBERED, (Door.GRPC, Door.WEB, Door.JSON), partial(_ceiling, "remembered"), ceiling=True),
    Contender(HANDLERS, (Door.GRPC, Door.WEB, Door.JSON), partial(_ceiling, "handlers"), real=False, ceiling=True),
    Contender(ASGI, (Door.JSON,), partial(_ceiling, "asgi"), real=False, ceiling=True),
    Contender(GRPC_AIO, (Door.GRPC,), partial(_ceiling, "grpcaio"), real=False, ceiling=True),
    _in_python(FASTAPI, "fastapi_orm.py", [Door.JSON]),
    _in_python(CONNECT, "connect.py", [Door.CONNECT, Door.WEB]),
    _in_go(GATEWAY, "grpc-gateway", [Door.JSON], _gateway),
    _in_go(GRPC_GO, "grpc-go-server", [Door.GRPC], _go_server),
)

"""The programs that `make bench` starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from harness import ROOT, environment

from authsvc.store.migrate import migrate
from bench.compare.doors import OURS, Door, asking
from bench.compare.load import LoadError
from bench.compare.questions import GET_USER, SESSIONS, Tokens, grants
from bench.compare.services import Service, ServiceError, authsvc, family, free_address, running
from bench.compare.verify import VerifyError, verify_same, verify_users

USERS = 20
TOKENS = Tokens(1, USERS)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running authsvc on a small generated database."""
    database = tmp_path_factory.mktemp("compare") / "authsvc.db"
    migrate(database)
    command = [sys.executable, str(ROOT / "bench" / "generate.py"), "--users", str(USERS), "--grants", "12"]
    variables = environment({"AUTHSVC_DATABASE_URL": f"sqlite:///{database}"})
    subprocess.run(command, check=True, env=variables, capture_output=True)
    with authsvc(f"sqlite:///{database}", pinned=False) as running_service:
        yield running_service


@pytest.mark.parametrize("door", OURS)
def test_every_token_is_answered_with_its_user(service: Service, door: Door) -> None:
    """Through each door the answers are about the holders of the tokens, and the same as over JSON."""
    assert verify_users(door, service, TOKENS) == USERS
    verify_same(service, door, service, [GET_USER, SESSIONS, grants(10)], TOKENS)


def test_another_user_is_noticed(service: Service) -> None:
    """An answer about somebody else than the token's holder is an error."""
    with pytest.raises(VerifyError, match="token 2 is answered with user 2"):
        verify_users(Door.JSON, service, Tokens(1, 2, step=2))


@pytest.mark.parametrize("door", [Door.JSON, Door.WEB])
def test_a_refusal_is_noticed(service: Service, door: Door) -> None:
    """A call without a usable token is an error."""
    with asking(door, service) as ask, pytest.raises(LoadError):
        ask(GET_USER, "nobody's")


def test_lists_are_as_long_as_asked_for(service: Service) -> None:
    """`--grants` of the generator gives each user so many, and a page has what it was asked for."""
    with asking(Door.JSON, service) as ask:
        answer = ask(grants(10), TOKENS.token(3))
    assert isinstance(answer, dict)
    assert len(answer["result"]) == 10
    assert answer["details"]["totalResult"] == "12"


def test_all_processes_are_looked_at(service: Service) -> None:
    """CPU is that of the supervisor and both workers, memory is theirs together."""
    before = service.cpu()
    for _ in range(5):
        verify_users(Door.JSON, service, TOKENS)
    used = service.cpu()
    assert list(used) == family(service.pids)
    assert len(used) == 3
    assert sum(used.values()) > sum(before.values()) > 0
    assert service.memory() > 20
    assert service.cpu_beside() == 0


def test_a_program_ends_with_its_block() -> None:
    """Nothing is left running."""
    program = "import time; print('ready', flush=True); time.sleep(60)"
    with running([sys.executable, "-c", program], pinned=False) as started:
        assert Path(f"/proc/{started.pid}").exists()
    assert not Path(f"/proc/{started.pid}").exists()
    assert Service("", (started.pid,)).memory() == 0


def test_a_program_that_does_not_start_says_why() -> None:
    """The error has what the program wrote."""
    with (
        pytest.raises(ServiceError, match="no luck"),
        running([sys.executable, "-c", "raise SystemExit('no luck')"], pinned=False),
    ):
        pass


@pytest.mark.parametrize(("kind", "door"), [("handlers", Door.WEB), ("handlers", Door.GRPC), ("grpcaio", Door.GRPC)])
def test_empty_servers_answer_with_nothing(kind: str, door: Door) -> None:
    """A ceiling takes whatever token, and gives an empty response."""
    address = free_address()
    command = [sys.executable, "-m", "bench.compare.ceilings", kind, "--listen", address]
    with running(command, pinned=False) as program, asking(door, Service(address, (program.pid,))) as ask:
        answer = ask(GET_USER, "anybody's")
        assert not isinstance(answer, dict)
        assert answer.ByteSize() == 0


def test_the_empty_application_answers() -> None:
    """The smallest ASGI application gives an empty document."""
    address = free_address()
    host, _, port = address.rpartition(":")
    with running([sys.executable, "-m", "bench.compare.ceilings", "asgi", "--listen", address], pinned=False):
        connection = HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/")
        assert json.loads(connection.getresponse().read()) == {}
        connection.close()

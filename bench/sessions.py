"""Whether a list's length costs: the first page of 30,000 sessions against the 300th, in one run.

    python bench/sessions.py        # or `make bench-sessions`

The real `authsvc serve`, over HTTP with the connection kept alive. Pages take turns, so that whatever else the machine
does hits all of them. Below the table: what one call takes that shows one session, made with the standard library's
client and with WorkOS's SDK for Python 10; a response in two pieces would take either 40 ms longer.
"""

# ruff: noqa: INP001, S603 - a program, and no part of a package; its commands are its own

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from authsvc.domain.clock import SECOND, now
from authsvc.domain.ulid import public_id

ROOT = Path(__file__).parent.parent
SESSIONS, LIMIT = 30_000, 100
ROUNDS, CALLS = 7, 100
PEOPLE = """
orgs:
  - id: "1"
    name: Crowd
    users:
      - { id: "1", userName: crowd, createdAt: "2026-01-01T12:00:00Z", human: { firstName: C, lastName: D } }
agents:
  - { id: "1", description: "A browser" }
"""
USER = public_id("user", 1_767_268_800_000_000, 1)
INSERT = (
    "INSERT INTO sessions (id, agent_id, user_id, state, sequence, created_at, changed_at, auth_method, expires_at,"
    " ip_address, user_agent, org_id) VALUES (?, 1, 1, 1, 1, ?, ?, 8, ?, '198.51.100.42', 'Browser/1.0', 1)"
)
# Runs where nothing but the SDK is installed; prints what each call took, in milliseconds.
SDK = """
import json, sys, time
from workos import WorkOSClient
url, key, user, calls = sys.argv[1:]
management = WorkOSClient(api_key=key, client_id="client_bench", base_url=url).user_management
took = []
for _ in range(int(calls)):
    began = time.perf_counter()
    management.list_sessions(user, limit=1)
    took.append((time.perf_counter() - began) * 1e3)
print(json.dumps(took))
"""


def authsvc(*arguments: str, database_url: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "authsvc", *arguments]
    environment = {**os.environ, "AUTHSVC_DATABASE_URL": database_url}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def fill(path: Path) -> list[str]:
    """Write the sessions; their ids, newest first."""
    began = now() - SESSIONS * SECOND
    times = [began + number * SECOND for number in range(SESSIONS)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(INSERT, ((id_, at, at, at + 10**14) for id_, at in enumerate(times, start=1)))
    return [public_id("session", at, id_) for id_, at in enumerate(times, start=1)][::-1]


@contextmanager
def serving(database_url: str) -> Iterator[str]:
    """The `host:port` of a running server."""
    settings = {
        "AUTHSVC_DATABASE_URL": database_url,
        "AUTHSVC_LISTEN": "127.0.0.1:0",
        "AUTHSVC_GRPC_LISTEN": "127.0.0.1:0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "authsvc", "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **settings},
    )
    try:
        address = ""
        for line in process.stdout or ():
            found = re.search(r"listening on http://(\S+)", line)
            address = found[1] if found else address
            if line.strip() == "ready":
                break
        yield address
    finally:
        process.terminate()
        process.wait()


def caller(address: str, key: str) -> Callable[[str, int], float]:
    """Makes a call on one connection: what it took in milliseconds, for the query and how many sessions must come."""
    connection = HTTPConnection(address)

    def call(query: str, expected: int) -> float:
        began = time.perf_counter()
        connection.request(
            "GET", f"/user_management/users/{USER}/sessions?{query}", headers={"authorization": f"Bearer {key}"}
        )
        response = connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1e3
        if response.status != 200 or len(json.loads(body)["data"]) != expected:  # noqa: PLR2004
            sys.exit(f"this was not answered as it should be: {response.status} {body[:200]!r}")
        return took

    return call


def main() -> None:
    """Measure in turn, then print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database_url = f"sqlite:///{folder}/authsvc.db"
        (folder / "people.yaml").write_text(PEOPLE)
        authsvc("migrate", database_url=database_url)
        authsvc("apply", str(folder / "people.yaml"), database_url=database_url)
        ids = fill(folder / "authsvc.db")
        key = authsvc("apikey", "create", "--name", "bench", database_url=database_url)
        with serving(database_url) as address:
            report_pages(caller(address, key), ids)
            report_calls(address, key)


def report_pages(call: Callable[[str, int], float], ids: list[str]) -> None:
    """Medians of each page round by round, and their ratio to the first page's."""
    last = SESSIONS // LIMIT
    pages = {
        page: f"limit={LIMIT}" + (f"&after={ids[(page - 1) * LIMIT - 1]}" if page > 1 else "") for page in (1, 2, last)
    }
    rounds: list[dict[int, float]] = []
    for _ in range(ROUNDS):
        took: dict[int, list[float]] = {page: [] for page in pages}
        for _ in range(CALLS):
            for page, query in pages.items():
                took[page].append(call(query, LIMIT))
        rounds.append({page: median(times) for page, times in took.items()})
    print(f"{'page':<10}{'median':>12}{'to the first':>16}")
    for page in pages:
        ratios = [times[page] / times[1] for times in rounds]
        print(
            f"{page:<10}{median(times[page] for times in rounds):>9.2f} ms"
            f"{median(ratios):>10.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def report_calls(address: str, key: str) -> None:
    """What a call with one row takes, by client."""
    call = caller(address, key)
    plain = [call("limit=1", 1) for _ in range(CALLS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".venv" / "workos-10")}
    command = [sys.executable, "-S", "-c", SDK, f"http://{address}", key, USER, str(CALLS)]
    sdk = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
    print(f"\none row: {median(plain):.2f} ms by http.client, {median(sdk):.2f} ms by the SDK")


if __name__ == "__main__":
    main()

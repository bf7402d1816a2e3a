"""Lists as they are walked from one end to the other, while others sign in and out."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest
from harness import NO_CERTIFICATES
from interop.workos.people import KEYS, Person, Site
from interop.workos.sdks import Client

SESSIONS = 1_000


class Traffic:
    """Others: revokes the sessions it is given, one by one, and makes new ones."""

    def __init__(self, site: Site, person: Person, doomed: list[str]) -> None:
        self.events = 0
        self._site = site
        self._person = person
        self._doomed = doomed
        self._over = threading.Event()
        self._failure: BaseException | None = None

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """It goes on for the length of the block, and is under way when that begins."""
        under_way = threading.Event()
        thread = threading.Thread(target=self._run, args=(under_way.set,))
        thread.start()
        try:
            assert under_way.wait(20)
            yield
        finally:
            self._over.set()
            thread.join()
        if self._failure:
            raise self._failure

    def _run(self, report: Callable[[], None]) -> None:
        try:
            headers = {"authorization": f"Bearer {KEYS['full']}"}
            with httpx2.Client(
                base_url=self._site.url, headers=headers, trust_env=False, verify=NO_CERTIFICATES
            ) as http:
                for session in self._doomed:
                    answer = http.post("/user_management/sessions/revoke", json={"session_id": session})
                    assert answer.status_code == 200, answer.text
                    self._site.sign_in(self._person, 1)
                    self.events += 1
                    report()
                    if self._over.wait(0.005):
                        return
        except BaseException as error:  # noqa: BLE001 - raised where the traffic was asked for
            self._failure = error
        finally:
            report()


def test_a_walk_beside_others(client: Client, site: Site) -> None:
    """Of hundreds of sessions, those there from beginning to end come exactly once, and none comes twice."""
    person = site.newcomer()
    made = site.sign_in(person, SESSIONS)
    doomed = random.Random(client.name).sample(made, SESSIONS // 3)
    traffic = Traffic(site, person, doomed)
    with traffic.going_on():
        before = traffic.events
        seen = client("walk_sessions", user=person.id)
        during = traffic.events - before
    assert during > 0
    assert [id_ for id_, times in Counter(seen).items() if times > 1] == []
    assert set(made) - set(doomed) - set(seen) == set()


def test_a_walk_in_order(client: Client, site: Site) -> None:
    """Left alone, a walk gives all sessions, newest first; Node's does not walk if the caller sets a limit."""
    person = site.newcomer()
    made = site.sign_in(person, 250)[::-1]
    assert client("walk_sessions", user=person.id) == made
    assert client("walk_sessions", user=person.id, limit=100) == (made[:100] if client.is_node else made)


@pytest.mark.parametrize("limit", [1, 50])
def test_sign_out_everywhere(client: Client, site: Site, limit: int) -> None:
    """Revoking each session of a page and going on behind it ends all of them, whatever the length of a page."""
    person, other = site.newcomer(), site.newcomer()
    sessions = 3 * limit + 1
    site.sign_in(person, sessions)
    theirs = site.sign_in(other, 1)
    assert client("sign_out_everywhere", user=person.id, limit=limit) == sessions
    assert client("list_sessions", user=person.id)["data"] == []
    assert [row["id"] for row in client("list_sessions", user=other.id)["data"]] == theirs

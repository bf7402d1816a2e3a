"""The command that acts as somebody: its token, its session, and what it refuses."""

from __future__ import annotations

import pytest
from harness import GIGI, query

from authsvc.cli import main
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import token_hash

Capture = pytest.CaptureFixture[str]
WHO = "root@zitadel.com"


def _run(capsys: Capture, database: str, *arguments: str) -> tuple[int, str, str]:
    status = main(["impersonate", *arguments, "--database-url", database])
    return status, *capsys.readouterr()


@pytest.mark.parametrize(("flags", "seconds"), [((), 3600), (("--ttl", "60m"), 3600), (("--ttl", "90s"), 90)])
def test_session_is_marked(capsys: Capture, database: str, flags: tuple[str, ...], seconds: int) -> None:
    """The token belongs to a session on an agent of its own that says who acts and why; both end at the same time."""
    status, output, errors = _run(capsys, database, GIGI, "--as", WHO, "--reason", " Ticket 7 ", *flags)
    assert (status, errors) == (0, "")
    ((expires_at, user, session_end, began, method, email, reason, ends, agent, cookie),) = query(
        database,
        "SELECT t.expires_at, login, s.expires_at, s.created_at, auth_method, impersonator_email, "
        "impersonator_reason, s.ends_at, a.id, a.cookie_hash FROM access_tokens t JOIN users u ON u.id = t.user_id "
        "JOIN sessions s ON s.id = t.session_id JOIN user_agents a ON a.id = s.agent_id "
        f"WHERE t.token_hash = x'{token_hash(output.strip()).hex()}'",
    )
    assert user == GIGI.partition("@")[0]
    assert (method, email, reason, ends, cookie) == (3, WHO, "Ticket 7", None, None)
    assert query(database, f"SELECT count(*) FROM sessions WHERE agent_id = {agent}") == [(1,)]
    life = (int(str(session_end)) - int(str(began))) / SECOND
    assert life == pytest.approx(seconds, abs=5)
    assert int(str(expires_at)) / SECOND == pytest.approx(int(str(session_end)) / SECOND, abs=5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((GIGI, "--as", WHO, "--reason", "x", "--ttl", "61m"), "--ttl: must be from 1s to 60m"),
        ((GIGI, "--as", WHO, "--reason", "x", "--ttl", "0s"), "--ttl: must be from 1s to 60m"),
        ((GIGI, "--as", WHO, "--reason", " "), "--reason: must have 1 to 500 characters that can be printed"),
        ((GIGI, "--as", WHO, "--reason", "a\nb"), "--reason: must have 1 to 500 characters that can be printed"),
        ((GIGI, "--as", WHO, "--reason", "x" * 501), "--reason: must have 1 to 500 characters that can be printed"),
        ((GIGI, "--as", "root", "--reason", "x"), "--as: must be an e-mail address"),
        ((GIGI, "--as", "a b@zitadel.com", "--reason", "x"), "--as: must be an e-mail address"),
        ((GIGI, "--as", "@zitadel.com", "--reason", "x"), "--as: must be an e-mail address"),
        (("nobody@a.example", "--as", WHO, "--reason", "x"), "no person has the login name nobody@a.example"),
    ],
)
def test_impersonation_is_refused(capsys: Capture, database: str, arguments: tuple[str, ...], sentence: str) -> None:
    """For longer than an hour, without a name or a reason, or as nobody, there is no session and no token."""
    before = query(database, "SELECT max(sequence) FROM changes")
    assert _run(capsys, database, *arguments) == (1, "", f"authsvc: {sentence}\n")
    assert query(database, "SELECT max(sequence) FROM changes") == before

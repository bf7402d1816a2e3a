"""A short run of the fuzzer, and whether it notices what it is there for."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import pytest
from transcoding import fuzz
from transcoding.fuzz import FACES, Face, Report, Verdict, Violation, attempt, check, run
from transcoding.fuzz_bombs import MARK, Request
from transcoding.fuzz_faces import CORES

from authsvc.transcoding.asgi import Application

SEED = 20_260_131
OK = Verdict(("ok",), 0.0)


def test_short_run_finds_nothing() -> None:
    """Whatever a request is made of, it is refused in one of our sentences or answered."""
    report = run(60.0, SEED, largest=4096, timed=False, inputs=8000)
    assert report.finding is None, str(report.finding)
    assert len(report.outcomes) > 300


def test_run_is_repeatable() -> None:
    """The same seed makes the same requests."""
    first, second = _throw(3500), _throw(3500)
    assert first == second
    assert len(set(first)) > 900


def _throw(count: int) -> list[Request]:
    seen: list[Request] = []

    def collect(face: Face, request: Request) -> Verdict:
        if len(seen) == count:
            raise Violation("enough")
        seen.append(request)
        return OK

    run(60.0, SEED, check=collect, largest=256, timed=False)
    return seen


def test_violation_is_cut_down_and_printed() -> None:
    """What is left of a request is what breaks the rule, written so that it can be run again."""

    def no_tags(face: Face, request: Request) -> Verdict:
        if b"tags" in request.body:
            raise Violation("tags", repr(request.body))
        return OK

    finding = run(60.0, SEED, check=no_tags, largest=4096, timed=False).finding
    assert finding is not None
    assert finding.request == Request(finding.request.method, b"", b"", (), b"tags")
    assert str(finding).startswith(f"violation: tags: b'tags'\nseed {SEED}, dialect ")
    assert str(finding).endswith(f"Request({finding.request.method!r}, b'', b'', (), b'tags'))")


def test_large_request_is_printed_whole() -> None:
    """A request too long to be read is packed, and still what it was."""
    request = Request("POST", b"/items", headers=((b"a", b"b"), (b"c", b"," * 50_000)), body=b"a" * 100_000)
    finding = str(fuzz.Finding(SEED, FACES["strict"], request, Violation("kind")))
    assert len(finding) < 1000
    assert eval(finding[finding.index("Request(") : -1], vars(fuzz)) == request


def test_other_exception_is_a_violation() -> None:
    """An exception that the library does not declare is one, and is told from others by its place."""

    def broken(face: Face, request: Request) -> Verdict:
        raise KeyError("x")

    with pytest.raises(Violation, match=r"^KeyError in broken, line [0-9]+: 'x'$"):
        attempt(broken, FACES["strict"], Request("GET", b"/"))


@pytest.mark.parametrize(
    ("seconds", "body", "slow"),
    [(0.049, b"", False), (0.051, b"", True), (0.0539, b"," * 1000, False), (0.0541, b"," * 1000, True)],
)
def test_slow_call_is_a_violation(seconds: float, body: bytes, *, slow: bool) -> None:
    """A call has 50 ms, and 4 µs for each JSON value of its body."""

    def idle(face: Face, request: Request) -> Verdict:
        return Verdict(("ok",), seconds)

    try:
        attempt(idle, FACES["strict"], Request("GET", b"/", body=body))
        seen = False
    except Violation as violation:
        seen = violation.kind == "too slow"
    assert seen == slow


@pytest.mark.parametrize("name", CORES)
@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        (Request("GET", b"/items/a"), ("/items/{id}", "OK")),
        (Request("GET", b"/no"), ("NoRoute", "404")),
        (Request("DELETE", b"/items"), ("MethodNotAllowed", "405")),
        (Request("POST", b"/items", body=b"{"), ("/items", "400", "", "the body is not JSON")),
        (Request("GET", b"/watch/1"), ("/watch/{id}", "application/json")),
        (Request("POST", b"/raw/stream", body=MARK.encode()), ("/raw/stream", "application/octet-stream")),
    ],
)
def test_outcomes_are_told_apart(name: str, request_: Request, outcome: tuple[str, ...]) -> None:
    """What became of a request is said by route, status and reason."""
    assert check(FACES[name], request_).outcome == (name, *outcome)


@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        (Request("GET", b"/items/a"), ("Do", "200", "application/json")),
        (Request("HEAD", b"/items/a"), ("Do", "200", "application/json")),
        (Request("GET", b"/no"), ("", "404", "Not Found")),
        (Request("OPTIONS", b"/items"), ("", "204", "")),
        (Request("POST", b"/items", body=b"{"), ("", "400", "the body is not JSON")),
        (Request("POST", b"/items", body=b'{"int32Value":-1}'), ("Do", "504", "the handler failed")),
        (Request("POST", b"/items", body=b" " * 100_000), ("", "413", "the body is larger than 65536 bytes")),
        (Request("GET", b"/items/a", headers=((b"grpc-timeout", b"0S"),)), ("", "504", "deadline exceeded")),
        (Request("GET", b"/items/a", headers=((b"grpc-metadata-x-bin", b"*"),)), ("", "400", "must be base64")),
        (Request("GET", b"/watch/1"), ("Watch", "200", "application/json", "")),
        (Request("POST", b"/raw/stream", body=b"12345"), ("Stream", "200", "application/octet-stream", "broken")),
        (Request("POST", b"/upload/pages", body=b"[{}]"), ("Upload", "200", "application/json")),
        (Request("POST", b"/items", body=b"32"), ("", "left")),
    ],
)
def test_outcomes_over_asgi_are_told_apart(request_: Request, outcome: tuple[str, ...]) -> None:
    """What became of a request is said by method, status, type and reason."""
    assert check(FACES["served"], request_).outcome == ("served", *outcome)


START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b""}


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([], "an answer that is none"),
        ([END], "an answer that is none"),
        ([START, START, END], "an answer that is none"),
        ([START], "an answer that is not whole"),
        ([START, END | {"more_body": True}], "an answer that is not whole"),
        ([START, END | {"more_body": False}, END], "an answer that goes on after its end"),
        ([START | {"status": 500}, END], "a status that is the server's fault"),
        ([START | {"status": 404}, END], "a path that was taken for another"),
        ([START | {"headers": [(b"x", b"\n")]}, END], "a header that cannot be sent"),
        (
            [
                START | {"status": 400, "headers": [(b"content-length", b"18"), (b"content-type", b"x")]},
                END | {"body": b'{"message":"%b"}' % MARK.encode()},
            ],
            "an error that repeats what the client sent",
        ),
    ],
)
def test_wrong_answer_over_asgi_is_a_violation(
    events: list[dict[str, Any]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an application must not send is noticed."""

    async def serve(self: Any, scope: Any, receive: Any, send: Any) -> None:
        for event in events:
            await send(event)

    monkeypatch.setattr("authsvc.transcoding.asgi.Application.__call__", serve)
    with pytest.raises(Violation) as raised:
        attempt(check, FACES["served"], Request("GET", b"/items/a"))
    assert raised.value.kind == kind


@pytest.mark.parametrize("how", ["raises", "logs", "leaves a task", "asyncio"])
def test_failure_over_asgi_is_a_violation(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception, a line in the log or a task that is left behind, even if the answer is right; and only once."""
    right = Application.__call__

    async def fail() -> None:
        raise KeyError("x")

    async def serve(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await right(self, scope, receive, send)
        if how == "raises":
            raise KeyError("x")
        if how == "logs":
            logging.getLogger("authsvc.transcoding.asgi").error("x")
        if how == "leaves a task":
            self.left = asyncio.ensure_future(asyncio.sleep(60))
        if how == "asyncio":
            asyncio.ensure_future(fail())  # noqa: RUF006 - nobody is to see how it ends
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    monkeypatch.setattr("authsvc.transcoding.asgi.Application.__call__", serve)
    with pytest.raises(
        Violation, match="task that outlives" if how == "leaves a task" else "error in the log|KeyError"
    ):
        attempt(check, FACES["served"], Request("GET", b"/items/a"))
    monkeypatch.undo()
    assert check(FACES["served"], Request("GET", b"/items/a")).outcome[2] == "200"


def test_program_prints_its_seed_and_a_summary(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The program ends with status 0 and one line where it finds nothing."""
    monkeypatch.setattr(sys, "argv", ["fuzz", "--seconds", "0.05", "--seed", "7"])
    assert fuzz.main() == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "seed 7"
    assert "distinct outcomes" in second


def test_program_fails_with_a_finding(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The program ends with status 1 and prints what it has found."""
    finding = fuzz.Finding(7, FACES["strict"], Request("GET", b"/"), Violation("kind"))
    monkeypatch.setattr(sys, "argv", ["fuzz"])
    monkeypatch.setattr(fuzz, "run", lambda seconds, seed: Report(finding=finding))
    assert fuzz.main() == 1
    assert "violation: kind\nseed 7, dialect strict" in capsys.readouterr().out

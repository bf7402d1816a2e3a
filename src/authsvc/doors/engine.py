"""The HTTP engine under the one address: uvicorn's protocols on zttp, with what they lack.

zttp is young; everything that depends on how it or uvicorn drives it is in this module.
"""

from __future__ import annotations

import zttp
from uvicorn.protocols.http.auto_zttp_impl import AutoZttpProtocol
from uvicorn.protocols.http.zttp_h2_impl import ZttpH2Protocol
from uvicorn.protocols.http.zttp_impl import ZttpProtocol


class Http1(ZttpProtocol):
    """HTTP/1.1. uvicorn 0.54.0 breaks off with a traceback when the path holds a byte that is not ASCII."""

    def handle_events(self, event: zttp.Event) -> None:
        """Serve what the client has sent."""
        try:
            super().handle_events(event)
        except UnicodeDecodeError:
            self.handle_remote_protocol_error()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: a client may offer what it likes, and is answered over HTTP/1.1."""


class Http2(ZttpH2Protocol):
    """HTTP/2. uvicorn 0.54.0 overlooks a request that ends with its headers, and would wait for its body forever."""

    def handle_request(self, event: zttp.Request) -> None:
        """Begin to serve a request; refuse one whose path holds a byte that is not ASCII."""
        if not event.path.isascii():
            self.conn.stream(event.stream_id).send_response(400, [(b"content-length", b"0")])
            self.conn.stream(event.stream_id).end_message()
            return
        super().handle_request(event)
        if event.end_stream:
            cycle = self.cycles[event.stream_id]
            cycle.more_body = False
            cycle.message_event.set()


class Engine(AutoZttpProtocol):
    """A connection that turns out to be HTTP/1.1 or HTTP/2: by ALPN with TLS, by the client's preface without."""

    def _switch(self, http2: bool, initial_data: bytes = b"") -> None:  # noqa: FBT001 - as in uvicorn
        protocol = (Http2 if http2 else Http1)(
            config=self.config, server_state=self.server_state, app_state=self.app_state, _loop=self.loop
        )
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if initial_data:
            protocol.data_received(initial_data)

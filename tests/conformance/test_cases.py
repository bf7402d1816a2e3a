"""The cases of connectconformance, played by a client of our own: a regression is seen without Go too."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.answers import Answer
from conformance.cases import GZIP, Asks, Kind, Variant, variants
from conformance.conftest import LIMIT, Served
from conformance.contract import service
from conformance.player import DATA, HEADER, SENT, TRAILER, Player
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN = list(variants(tls=False))
# By TLS nothing but the transport differs.
ENCRYPTED = [variant for variant in variants(tls=True) if variant.suite.name in {"Basic", "Unexpected Requests"}]


@pytest.mark.parametrize("variant", PLAIN, ids=[variant.name for variant in PLAIN])
async def test_a_case(variant: Variant, plain: Served) -> None:
    """The call is answered as its first request asks, or refused as the protocol demands."""
    await _play(variant, plain)


@pytest.mark.parametrize("variant", ENCRYPTED, ids=[variant.name for variant in ENCRYPTED])
async def test_a_case_by_tls(variant: Variant, encrypted: Served) -> None:
    """The version of HTTP that ALPN has settled serves the same."""
    await _play(variant, encrypted)


async def _play(variant: Variant, served: Served) -> None:
    player = Player(variant, service(), LIMIT)
    answer = await player.play(served.port, served.trusted(variant.http))
    case = variant.case
    if case.codes:
        assert answer.code in case.codes
        assert answer.http_status == case.http_status or not case.http_status
        assert not answer.messages
    else:
        _check(answer, case.asks or Asks(data=case.kind in {Kind.UNARY, Kind.CLIENT}), variant, player.messages)


def _check(answer: Answer, asks: Asks, variant: Variant, requests: list[Message]) -> None:
    """The answer is what was asked for, and tells what arrived."""
    assert (answer.code, answer.message) == (asks.error or (0, ""))
    assert _values(answer.headers, HEADER) == list(asks.headers)
    assert _values(answer.trailers, TRAILER) == list(asks.trailers)
    expected = DATA if variant.case.asks else b""
    assert [message.payload.data for message in answer.messages] == [expected] * asks.data
    assert answer.compressed == [variant.compression == GZIP] * asks.data
    told = [message.payload.request_info for message in answer.messages]
    assert len(answer.details) == (asks.error is not None and not told)
    told += [_unpacked(detail) for detail in answer.details]
    if told:
        _check_told(told, variant, [_packed(request) for request in requests])


def _check_told(told: list[Any], variant: Variant, requests: list[Packed]) -> None:
    """Everything that was sent is told once: at first, or in turns."""
    case = variant.case
    expected = [[request] for request in requests] if case.kind is Kind.FULL else [requests]
    assert [list(info.requests) for info in told] == expected + [[]] * (len(told) - len(expected))
    headers = {header.name: tuple(header.value) for header in told[0].request_headers}
    assert headers.get(SENT[0]) == (SENT[1] if case.sent else None)
    assert told[0].HasField("timeout_ms") == (case.timeout is not None)
    if case.timeout:
        assert case.timeout - 500 <= told[0].timeout_ms <= case.timeout


def _values(pairs: list[tuple[str, str]], key: str) -> list[str]:
    return [value for name, value in pairs if name == key]


def _packed(message: Message) -> Packed:
    packed = Packed()
    packed.Pack(message)
    return packed


def _unpacked(detail: Packed) -> Any:
    payload = service().file.message_types_by_name["ConformancePayload"]
    info = GetMessageClass(payload.nested_types_by_name["RequestInfo"])()
    assert detail.Unpack(info)
    return info

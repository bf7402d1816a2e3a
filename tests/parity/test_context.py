"""The same servicer behind grpcio's own servers and behind our doors: what it finds, and what comes of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
import trustme
from doors import peers
from doors.stage import NAME, SERVICE, Line, Stage, eventually, path, playing
from google.protobuf.any_pb2 import Any as AnyProto
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status

NOT_FOUND = grpc.StatusCode.NOT_FOUND
DATA_LOSS = grpc.StatusCode.DATA_LOSS
ENTRIES = (("t-a", "1"), ("t-b-bin", b"\x00\xff"), ("t-a", "2"), ("t-empty", ""), ("t-b-bin", b""))
OTHERS = (("t-c", "3"),)


class StatusObject(NamedTuple):
    """What grpc_status.rpc_status makes of a google.rpc.Status."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: Any


def _packed() -> bytes:
    detail = AnyProto()
    detail.Pack(BadRequest(field_violations=[BadRequest.FieldViolation(field="f", description="d")]))
    packed: bytes = Status(code=5, message="gone", details=[detail]).SerializeToString()
    return packed


RICH = (("grpc-status-details-bin", _packed()),)


class Outcome(NamedTuple):
    """What a client of grpcio sees of a call, metadata under names in `t-` only."""

    code: grpc.StatusCode
    message: str
    details: list[str]
    initial: list[Any]
    trailing: list[Any]
    texts: list[str]


# What a servicer does with its context before it answers; `say` runs a method of either kind of context.


async def _abort(say: Any) -> None:
    await say("abort", NOT_FOUND, "gone")


async def _abort_bare(say: Any) -> None:
    await say("abort", NOT_FOUND, "")


async def _abort_keeps_what_was_set(say: Any) -> None:
    await say("set_trailing_metadata", ENTRIES)
    await say("set_details", "set before")
    await say("abort", NOT_FOUND, "")


async def _abort_takes_precedence(say: Any) -> None:
    await say("set_trailing_metadata", ENTRIES)
    await say("set_code", DATA_LOSS)
    await say("set_details", "set before")
    await say("abort", NOT_FOUND, "gone")


async def _abort_with_status(say: Any) -> None:
    await say("abort_with_status", StatusObject(NOT_FOUND, "gone", RICH + OTHERS))


async def _abort_with_status_replaces(say: Any) -> None:
    await say("set_trailing_metadata", ENTRIES)
    await say("abort_with_status", StatusObject(NOT_FOUND, "gone", RICH))


async def _abort_with_plain_status(say: Any) -> None:
    await say("abort_with_status", StatusObject(NOT_FOUND, "gone", ()))


async def _set_code(say: Any) -> None:
    await say("set_code", NOT_FOUND)
    await say("set_details", "gone")
    await say("set_trailing_metadata", ENTRIES)


async def _set_code_and_rich_details(say: Any) -> None:
    await say("set_code", NOT_FOUND)
    await say("set_details", "gone")
    await say("set_trailing_metadata", RICH + OTHERS)


async def _set_code_back(say: Any) -> None:
    await say("set_code", NOT_FOUND)
    await say("set_code", grpc.StatusCode.OK)


async def _initial_metadata(say: Any) -> None:
    await say("send_initial_metadata", ENTRIES)
    await say("set_trailing_metadata", OTHERS)
    await say("set_trailing_metadata", ENTRIES)


async def _initial_metadata_and_abort(say: Any) -> None:
    await say("send_initial_metadata", ENTRIES)
    await say("set_trailing_metadata", ENTRIES)
    await say("abort", NOT_FOUND, "gone")


async def _abort_swallowed(say: Any) -> None:
    with suppress(Exception):  # what a careless servicer does
        await say("abort", NOT_FOUND, "gone")


async def _abort_twice(say: Any) -> None:
    try:
        await say("abort", NOT_FOUND, "gone")
    except Exception:  # noqa: BLE001
        await say("abort", DATA_LOSS, "again")


async def _compress_gzip(say: Any) -> None:
    await say("set_compression", grpc.Compression.Gzip)


async def _compress_deflate_but_the_next(say: Any) -> None:
    await say("set_compression", grpc.Compression.Deflate)
    await say("disable_next_message_compression")


BEHAVIOURS: list[Callable[[Any], Any]] = [
    _abort,
    _abort_bare,
    _abort_keeps_what_was_set,
    _abort_takes_precedence,
    _abort_with_status,
    _abort_with_status_replaces,
    _abort_with_plain_status,
    _set_code,
    _set_code_and_rich_details,
    _set_code_back,
    _initial_metadata,
    _initial_metadata_and_abort,
    _abort_swallowed,
    _abort_twice,
    _compress_gzip,
    _compress_deflate_but_the_next,
]
# grpcio's synchronous server has other rules here; ours has one rule for both kinds.
ASYNC_ONLY = {_abort_keeps_what_was_set, _abort_swallowed, _abort_twice}


def _asynchronous(do: Callable[[Any], Any]) -> dict[str, Any]:
    """A servicer of coroutines that does it, then answers."""

    async def unary(request: Any, context: Any) -> Any:
        async def say(name: str, *arguments: Any) -> Any:
            result = getattr(context, name)(*arguments)
            return await result if asyncio.iscoroutine(result) else result

        await do(say)
        return Line(text="answer" * 50)

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        response = await unary(request, context)
        yield response
        yield response

    return {"Say": unary, "Recite": stream}


def _synchronous(do: Callable[[Any], Any]) -> dict[str, Any]:
    """The same as plain functions."""

    def unary(request: Any, context: Any) -> Any:
        async def say(name: str, *arguments: Any) -> Any:
            return getattr(context, name)(*arguments)

        doing = do(say)
        try:
            doing.send(None)  # nothing in it waits for a loop
        except StopIteration:
            return Line(text="answer" * 50)
        raise AssertionError

    def stream(request: Any, context: Any) -> Iterator[Any]:
        response = unary(request, context)
        yield response
        yield response

    return {"Say": unary, "Recite": stream}


def _handlers(behaviours: Mapping[str, Any]) -> grpc.GenericRpcHandler:
    made: dict[str, Any] = {}
    for method in SERVICE.methods:
        if method.name in behaviours:
            kind = "unary_stream" if method.server_streaming else "unary_unary"
            factory: Any = getattr(grpc, f"{kind}_rpc_method_handler")
            made[method.name] = factory(behaviours[method.name], Line.FromString, Line.SerializeToString)
    return grpc.method_handlers_generic_handler(NAME, made)


class Credentials(NamedTuple):
    """A certificate for 127.0.0.1, its key, as files and as bytes, and the authority that clients trust."""

    certificate: Path
    key: Path
    authority: bytes

    def add_port(self, server: Any) -> int:
        """A secure port of a server."""
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        port: int = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        return port


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    """Credentials of an authority of the tests' own."""
    folder = tmp_path_factory.mktemp("credentials")
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1")
    made = Credentials(folder / "certificate.pem", folder / "key.pem", authority.cert_pem.bytes())
    leaf.private_key_pem.write_to_path(str(made.key))
    leaf.cert_chain_pems[0].write_to_path(str(made.certificate))
    return made


def channel_to(address: str, credentials: Credentials | None = None) -> grpc.aio.Channel:
    """A channel of grpcio."""
    if credentials is None:
        return grpc.aio.insecure_channel(address)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(credentials.authority))


@asynccontextmanager
async def plain(behaviours: Mapping[str, Any], credentials: Credentials | None = None) -> AsyncIterator[str]:
    """An asynchronous server of grpcio itself, or its synchronous one for plain functions; its address."""
    server: Any
    if asyncio.iscoroutinefunction(behaviours["Say"]):
        server = grpc.aio.server()
        stop = server.stop
    else:
        server = grpc.server(ThreadPoolExecutor(4))

        async def stop(_: None) -> None:
            await asyncio.to_thread(server.stop(None).wait)

    server.add_generic_rpc_handlers([_handlers(behaviours)])
    port = credentials.add_port(server) if credentials else server.add_insecure_port("127.0.0.1:0")
    started = server.start()
    if started is not None:
        await started
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await stop(None)


async def outcome(address: str, method: str) -> Outcome:
    """Call a method and tell what came of it."""
    return await asyncio.to_thread(_outcome, address, method)


def _outcome(address: str, method: str) -> Outcome:
    # grpcio's asynchronous client now and then loses the initial metadata of a stream that fails at once.
    with grpc.insecure_channel(address) as channel:
        kind: Any = channel.unary_stream if method == "Recite" else channel.unary_unary
        start = kind(path(method), Line.SerializeToString, Line.FromString)
        call = (start if method == "Recite" else start.future)(Line(), timeout=5, metadata=OTHERS)
        texts: list[str] = []
        with suppress(grpc.RpcError):
            for message in call if method == "Recite" else [call.result()]:
                texts.append(message.text)  # noqa: PERF401 - those before an error are kept
        packed = [value for key, value in call.trailing_metadata() if key == "grpc-status-details-bin"]
        details = [detail.type_url for detail in Status.FromString(packed[0]).details] if packed else []
        initial, trailing = _own(call.initial_metadata()), _own(call.trailing_metadata())
        return Outcome(call.code(), call.details(), details, initial, trailing, texts)


async def web_outcome(stage: Stage, door: str, method: str) -> Outcome:
    """The same by gRPC-Web."""
    reply = await peers.call(stage, door, method, metadata=OTHERS)
    code = next(code for code in grpc.StatusCode if code.value[0] == reply.code)
    texts = [message.text for message in reply.messages]
    details = [detail.type_url for detail in reply.status.details]
    return Outcome(code, reply.message, details, _decoded(reply.initial), _decoded(reply.trailing), texts)


def _decoded(pairs: peers.Pairs) -> list[Any]:
    return _own((key, peers.decode_bin(value) if key.endswith("-bin") else value) for key, value in pairs)


def _own(metadata: Any) -> list[Any]:
    # C-core sends entries of one name together.
    return sorted(((key, value) for key, value in metadata if key.startswith("t-")), key=lambda entry: entry[0])


CASES = [
    (do, made)
    for do in BEHAVIOURS
    for made in (_asynchronous, _synchronous)
    if not (made is _synchronous and do in ASYNC_ONLY)
]


@pytest.mark.parametrize("method", ["Say", "Recite"])
@pytest.mark.parametrize(("do", "made"), CASES, ids=[f"{do.__name__[1:]}-{made.__name__[1:]}" for do, made in CASES])
async def test_a_call_ends_as_behind_grpcio_itself(do: Any, made: Any, method: str) -> None:
    """Code, message, details, metadata in order and messages are those of grpcio's own server, behind both doors."""
    behaviours = made(do)
    async with plain(behaviours) as address, playing(**behaviours) as stage:
        wanted = await outcome(address, method)
        assert await outcome(f"127.0.0.1:{stage.port}", method) == wanted
        assert await outcome(f"127.0.0.1:{stage.grpcio_port}", method) == wanted
        for door in ("web", "web-text"):
            assert await web_outcome(stage, door, method) == wanted


# What a servicer finds in its context.


async def _facts(context: Any) -> dict[str, Any]:
    compressed = "accepted"
    try:
        result = context.send_initial_metadata(())
        if asyncio.iscoroutine(result):
            await result
        context.set_compression(grpc.Compression.Gzip)
    except RuntimeError:
        compressed = "refused"
    return {
        "sent": _own(context.invocation_metadata()),
        "keys": sorted({entry.key for entry in context.invocation_metadata()}),
        "peer": re.sub(r"[0-9]+$", "", context.peer()),
        "identity": (context.peer_identities(), context.peer_identity_key()),
        "transport": [context.auth_context()[key] for key in ("transport_security_type", "security_level")],
        "chosen": (context.code() or None, context.details() or "", tuple(context.trailing_metadata() or ())),
        "time": context.time_remaining() and 50 < context.time_remaining() < 61,
        "compression": compressed,
    }


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("made", ["asynchronous", "synchronous"])
@pytest.mark.parametrize("seconds", [None, 60])
async def test_a_servicer_finds_what_it_finds_behind_grpcio_itself(
    made: str,
    tls: bool,  # noqa: FBT001
    seconds: int | None,
    credentials: Credentials,
) -> None:
    """Metadata, peer, security of the connection, time, and what was chosen so far."""
    seen: list[dict[str, Any]] = []

    async def asynchronous(request: Any, context: Any) -> Any:
        assert (context.done(), context.cancelled()) == (False, False)
        assert await context.read() is grpc.aio.EOF
        seen.append(await _facts(context))
        return request

    def synchronous(request: Any, context: Any) -> Any:
        assert context.is_active()
        facts = _facts(context)
        try:
            facts.send(None)
        except StopIteration as end:
            seen.append(end.value)
        return request

    behaviours: Any = {"Say": asynchronous if made == "asynchronous" else synchronous}
    given = credentials if tls else None
    files = (credentials.certificate, credentials.key) if tls else None
    sent = (*ENTRIES, *OTHERS)
    async with plain(behaviours, given) as address, playing(unary_timeout=1000, tls=files, **behaviours) as stage:
        for target in (address, f"127.0.0.1:{stage.port}", f"127.0.0.1:{stage.grpcio_port}"):
            async with channel_to(target, given) as channel:
                say: Any = channel.unary_unary(path(), Line.SerializeToString, Line.FromString)
                await say(Line(), timeout=seconds, metadata=sent)
    wanted, ours, behind_grpcio = seen
    assert wanted["sent"] == _own(sent)
    assert wanted["transport"][0] == ([b"ssl"] if tls else [b"insecure"])
    assert wanted["compression"] == ("refused" if made == "asynchronous" else "accepted")
    assert ours["compression"] == behind_grpcio["compression"] == "refused"
    if seconds is None:  # the pipeline allows no call to last for ever
        ours["time"] = behind_grpcio["time"] = wanted["time"]
    wanted["compression"] = "refused"
    assert ours == wanted
    assert behind_grpcio == wanted


@pytest.mark.parametrize(
    "do", [_set_code, _abort, _abort_keeps_what_was_set, _initial_metadata], ids=lambda do: do.__name__
)
async def test_callbacks_see_how_the_call_ended(do: Any) -> None:
    """Done callbacks find the status and the metadata that were chosen, as behind grpcio itself."""
    seen: list[Any] = []
    says = _asynchronous(do)["Say"]

    def ended(context: Any) -> None:
        seen.append((context.done(), context.code(), context.details(), context.trailing_metadata()))

    async def behaviour(request: Any, context: Any) -> Any:
        context.add_done_callback(ended)
        return await says(request, context)

    async with plain({"Say": behaviour}) as address, playing(Say=behaviour) as stage:
        for target in (address, f"127.0.0.1:{stage.port}", f"127.0.0.1:{stage.grpcio_port}"):
            before = len(seen)
            await outcome(target, "Say")
            await eventually(lambda before=before: len(seen) > before)  # type: ignore[misc]
    assert seen[0][0]
    assert seen == seen[:1] * 3

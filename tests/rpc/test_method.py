"""Methods are built at start, and a method that cannot be served stops it."""

from __future__ import annotations

from typing import Any

import pytest
from doors.stage import FILE, NAME, PUBLIC, SERVICE, Keys, Line, Tokens, path, servicer, stage_methods
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from zitadel import options_pb2

from authsvc.domain.tokens import Permission
from authsvc.errors import StartupError
from authsvc.identity.api_keys import KeyAuthenticator
from authsvc.identity.authenticator import Authenticator
from authsvc.rpc.method import service_methods
from authsvc.rpc.pipeline import Pipeline
from authsvc.telemetry.calls import CallLog

PIPELINE = Pipeline(Authenticator(Tokens()), KeyAuthenticator(Keys(), Keys()), CallLog(), 1.0)


def _service(permission: str | None) -> ServiceDescriptor:
    """A service in a pool of its own whose one method declares this permission."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_descriptor_proto())
    pool.AddSerializedFile(options_pb2.DESCRIPTOR.serialized_pb)
    file = FileDescriptorProto(name="alone.proto", package="alone", dependency=[options_pb2.DESCRIPTOR.name])
    file.message_type.add(name="Nothing")
    method = file.service.add(name="Alone").method.add(
        name="Do", input_type=".alone.Nothing", output_type=".alone.Nothing"
    )
    if permission is not None:
        options: Any = method.options
        options.Extensions[options_pb2.auth_option].permission = permission
    pool.AddSerializedFile(file.SerializeToString())
    found: ServiceDescriptor = pool.FindServiceByName("alone.Alone")
    return found


def _descriptor_proto() -> bytes:
    serialized: bytes = descriptor_pool.Default().FindFileByName("google/protobuf/descriptor.proto").serialized_pb
    return serialized


class Async:
    """Serves the method."""

    async def Do(self, request: Any, context: Any) -> Any:
        """Do it."""


class Stream:
    """A stream where one answer is asked for."""

    async def Do(self, request: Any, context: Any) -> Any:
        """Not one answer."""
        yield request


class SyncStream:
    """The same for threads."""

    def Do(self, request: Any, context: Any) -> Any:
        """Not one answer."""
        yield request


class Nothing:
    """Serves no method."""


class Constant:
    """Has something else by that name."""

    Do = 1


MISSING = "alone.Alone/Do: {} must define it as a function"
YIELDS = "alone.Alone/Do: {} must return one response, not yield"


@pytest.mark.parametrize(
    ("permission", "made", "public", "sentence"),
    [
        (
            None,
            Async,
            False,
            "alone.Alone/Do: no permission is declared; set zitadel.v1.auth_option or make the method public",
        ),
        (
            "",
            Async,
            False,
            "alone.Alone/Do: no permission is declared; set zitadel.v1.auth_option or make the method public",
        ),
        ("user.write", Async, False, "alone.Alone/Do: the permission 'user.write' is not one this server can check"),
        ("user.write", Async, True, "alone.Alone/Do: it is public, yet declares the permission 'user.write'"),
        ("authenticated", Async, True, "alone.Alone/Do: it is public, yet declares the permission 'authenticated'"),
        ("User.Read", Async, False, "alone.Alone/Do: the permission 'User.Read' is not one this server can check"),
        ("user.read", Async, True, "alone.Alone/Do: it is public, yet declares the permission 'user.read'"),
        ("authenticated", Stream, False, YIELDS.format("Stream")),
        ("authenticated", SyncStream, False, YIELDS.format("SyncStream")),
        ("authenticated", Nothing, False, MISSING.format("Nothing")),
        (None, Constant, True, MISSING.format("Constant")),
    ],
)
def test_a_method_that_cannot_be_served_stops_the_start(
    permission: str | None,
    made: type,
    public: bool,  # noqa: FBT001
    sentence: str,
) -> None:
    """No permission, one that nothing checks, or no fitting function: the error names the method."""
    names = frozenset({"alone.Alone/Do"} if public else ())
    with pytest.raises(StartupError) as caught:
        list(service_methods(_service(permission), made(), PIPELINE, public=names))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("permission", "public"),
    [
        ("authenticated", ()),
        *((permission.value, ()) for permission in Permission),
        (None, ("alone.Alone/Do",)),
        (None, ("alone.Alone/*",)),
    ],
)
def test_only_public_methods_need_no_caller(permission: str | None, public: tuple[str, ...]) -> None:
    """A method is for whom the contract says, or public by its full name or by that of its service, and never both."""
    (method,) = service_methods(_service(permission), Async(), PIPELINE, public=frozenset(public))
    assert method.permission == (permission or "")
    assert method.needs_caller is (permission is not None)


def test_methods_are_described() -> None:
    """A method knows its names, its classes and which sides stream."""
    methods = stage_methods()
    names = ("Say", "Whisper", "Announce", "Recite", "Collect", "Talk", "Paint", "Play")
    assert list(methods) == [f"/{NAME}/{name}" for name in names]
    kinds = {
        name.rpartition("/")[2]: (method.client_streaming, method.server_streaming) for name, method in methods.items()
    }
    assert kinds == {
        "Say": (False, False),
        "Whisper": (False, False),
        "Announce": (False, False),
        "Recite": (False, True),
        "Collect": (True, False),
        "Talk": (True, True),
        "Paint": (False, False),
        "Play": (False, True),
    }
    classes = {name: (method.request_class, method.response_class) for name, method in methods.items()}
    assert (classes.pop(path("Paint")), classes.pop(path("Play"))) == ((HttpBody, HttpBody), (Line, HttpBody))
    assert set(classes.values()) == {(Line, Line)}


def test_a_writing_coroutine_may_serve_a_response_stream() -> None:
    """A response stream is an async generator, or a coroutine that writes."""

    async def writes(request: Any, context: Any) -> None:
        await context.write(request)

    assert len(list(service_methods(SERVICE, servicer(Recite=writes), PIPELINE, public=PUBLIC))) == len(
        FILE.services_by_name["Stage"].methods
    )

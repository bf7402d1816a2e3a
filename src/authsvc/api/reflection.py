"""Server reflection: v1alpha as packaged, mended, and v1, whose messages are the same under another name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.json_format import MessageToJson, Parse
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio

V1ALPHA: ServiceDescriptor = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


class V1AlphaServicer(aio.ReflectionServicer):  # type: ignore[misc]  # the package is untyped
    """The packaged servicer, which does not find methods by their names, as some clients look for them."""

    def _file_containing_symbol(self, request: Message, fully_qualified_name: str) -> Message:
        parent, _, name = fully_qualified_name.rpartition(".")
        with suppress(KeyError):
            if name in self._pool.FindServiceByName(parent).methods_by_name:
                fully_qualified_name = parent
        response: Message = super()._file_containing_symbol(request, fully_qualified_name)
        return response


class V1Servicer(V1AlphaServicer):
    """The same for clients of v1, whose messages have the same bytes."""

    def __init__(self, service_names: Iterable[str], service: ServiceDescriptor) -> None:
        super().__init__(service_names)
        self._response_class = GetMessageClass(service.methods[0].output_type)

    async def ServerReflectionInfo(
        self, request_iterator: AsyncIterator[Message], context: object
    ) -> AsyncIterator[Message]:
        """Answer every question of a stream."""
        async for response in super().ServerReflectionInfo(_as_v1alpha(request_iterator), context):
            yield self._response_class.FromString(response.SerializeToString())


async def _as_v1alpha(requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for request in requests:
        yield reflection_pb2.ServerReflectionRequest.FromString(request.SerializeToString())


def v1_service() -> ServiceDescriptor:
    """The descriptor of grpc.reflection.v1.ServerReflection, registered in the default pool.

    The package grpcio-reflection has only v1alpha; v1 is the same file with the package renamed.
    """
    pool = descriptor_pool.Default()
    proto = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(proto)
    renamed = MessageToJson(proto).replace("grpc.reflection.v1alpha", "grpc.reflection.v1")
    proto = Parse(renamed, FileDescriptorProto())
    proto.name = "grpc/reflection/v1/reflection.proto"
    pool.AddSerializedFile(proto.SerializeToString())
    service: ServiceDescriptor = pool.FindServiceByName("grpc.reflection.v1.ServerReflection")
    return service

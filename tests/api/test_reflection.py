from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from zitadel import auth_pb2

from authsvc.api.reflection import V1ALPHA, V1Servicer, v1_service

NAMES = [auth_pb2.DESCRIPTOR.services_by_name["AuthService"].full_name, "grpc.reflection.v1.ServerReflection"]


async def _ask(*questions: dict[str, str]) -> list[Any]:
    service = v1_service()
    request: Any = GetMessageClass(service.methods[0].input_type)

    async def requests() -> AsyncIterator[Any]:
        for question in questions:
            yield request(**question)

    answers = [answer async for answer in V1Servicer(NAMES, service).ServerReflectionInfo(requests(), None)]
    assert {answer.DESCRIPTOR for answer in answers} == {service.methods[0].output_type}
    return answers


def test_v1_is_v1alpha_under_another_name() -> None:
    """The service of v1 has the methods and messages of v1alpha, field for field, and may be asked for twice."""
    ours = v1_service()
    assert ours.full_name == "grpc.reflection.v1.ServerReflection"
    assert v1_service() is ours
    one, other = FileDescriptorProto(), FileDescriptorProto()
    ours.file.CopyToProto(one)
    V1ALPHA.file.CopyToProto(other)
    other.name = one.name
    renamed = str(other).replace("grpc.reflection.v1alpha", "grpc.reflection.v1")
    assert str(one) == renamed
    assert one.package == "grpc.reflection.v1"
    assert ours.methods[0].client_streaming
    assert ours.methods[0].server_streaming


async def test_the_list_of_services() -> None:
    """The list holds exactly the services that it was given."""
    (answer,) = await _ask({"list_services": ""})
    assert [service.name for service in answer.list_services_response.service] == sorted(NAMES)


@pytest.mark.parametrize(
    "question",
    [
        {"file_containing_symbol": "zitadel.auth.v1.AuthService"},
        {"file_containing_symbol": "zitadel.auth.v1.AuthService.GetMyUser"},
        {"file_containing_symbol": "zitadel.user.v1.User"},
        {"file_containing_symbol": "grpc.reflection.v1.ServerReflection"},
        {"file_by_filename": "zitadel/auth.proto"},
    ],
)
async def test_files(question: dict[str, str]) -> None:
    """A file is found by its name and by what is in it, and comes with all that it imports."""
    (answer,) = await _ask(question)
    files = [FileDescriptorProto.FromString(data) for data in answer.file_descriptor_response.file_descriptor_proto]
    names = {file.name for file in files}
    assert files
    assert all(dependency in names for file in files for dependency in file.dependency)


async def test_unknown_symbols_and_many_questions() -> None:
    """What does not exist is an answer with an error, and the stream goes on."""
    no_method = {"file_containing_symbol": "zitadel.auth.v1.AuthService.NoSuchMethod"}
    answers = await _ask({"file_containing_symbol": "no.such.Thing"}, no_method, {"list_services": ""})
    assert [answer.error_response.error_code for answer in answers] == [5, 5, 0]
    assert answers[2].list_services_response.service

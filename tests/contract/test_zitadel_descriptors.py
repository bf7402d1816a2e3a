from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from contract.facts import Facts, facts
from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from interop.support import node
from zitadel import auth_pb2, message_pb2, object_pb2, options_pb2, user_pb2

# Not a fact of any message or method of ours, but of what their options mean.
HTTP_OPTION = "google.api.http"
OUR_FILES: list[FileDescriptor] = [
    module.DESCRIPTOR for module in (auth_pb2, message_pb2, object_pb2, options_pb2, user_pb2)
]


def proto_of(file: FileDescriptor) -> FileDescriptorProto:
    """The descriptor of a loaded file as a message."""
    proto = FileDescriptorProto()
    file.CopyToProto(proto)
    return proto


OURS = facts([proto_of(file) for file in OUR_FILES])


@pytest.fixture(scope="module")
def their_files() -> dict[str, FileDescriptorProto]:
    """ZITADEL's descriptors of the files that we have too, as its npm package carries them."""
    names = [*(file.name for file in OUR_FILES), annotations_pb2.DESCRIPTOR.name]
    dumped = orjson.loads(node(Path(__file__).parent / "dump_descriptors.mjs", *names))
    return {name: FileDescriptorProto.FromString(base64.b64decode(data)) for name, data in dumped.items()}


@pytest.fixture(scope="module")
def theirs(their_files: dict[str, FileDescriptorProto]) -> dict[str, Facts]:
    """What ZITADEL's descriptors say, by full name."""
    return facts(their_files.values())


@pytest.mark.parametrize("name", OURS)
def test_it_is_as_at_zitadel(theirs: dict[str, Facts], name: str) -> None:
    """Whatever we declare, ZITADEL declares in exactly the same way: fields, values, types, rules, options."""
    assert theirs.get(name) == OURS[name]


def test_http_rules_travel_under_the_same_number(theirs: dict[str, Facts]) -> None:
    """The option that holds HTTP rules is the same extension, so that rules can be compared at all."""
    assert theirs[HTTP_OPTION] == facts([proto_of(annotations_pb2.DESCRIPTOR)])[HTTP_OPTION]


def test_every_kind_of_thing_is_compared() -> None:
    """The comparison is of files, messages, enums, extensions and methods, with their HTTP rules and permissions."""
    assert {
        "zitadel/auth.proto",
        "zitadel.user.v1.User",
        "zitadel.user.v1.UserState",
        "zitadel.v1.auth_option",
        "zitadel.auth.v1.AuthService.Healthz",
    } <= OURS.keys()
    method = OURS["zitadel.auth.v1.AuthService.ListMyUserGrants"]
    assert method["http"] == {"post": "/usergrants/me/_search", "body": "*"}
    assert method["auth option"] == {"permission": "authenticated"}


def renumber(files: dict[str, FileDescriptorProto]) -> None:
    """Another number for Session.login_name."""
    field(files, "zitadel/user.proto", "Session", "login_name").number = 6


def rename(files: dict[str, FileDescriptorProto]) -> None:
    """Another name for Session.login_name."""
    field(files, "zitadel/user.proto", "Session", "login_name").name = "loginname"


def rename_in_json(files: dict[str, FileDescriptorProto]) -> None:
    """Another name in JSON for Session.login_name."""
    field(files, "zitadel/user.proto", "Session", "login_name").json_name = "login"


def retype(files: dict[str, FileDescriptorProto]) -> None:
    """Another type for ListQuery.limit."""
    field(files, "zitadel/object.proto", "ListQuery", "limit").type = FieldDescriptorProto.TYPE_UINT64


def refer_to_another_type(files: dict[str, FileDescriptorProto]) -> None:
    """Another enum for UserGrant.state."""
    field(files, "zitadel/auth.proto", "UserGrant", "state").type_name = ".zitadel.user.v1.UserState"


def make_single(files: dict[str, FileDescriptorProto]) -> None:
    """One role key instead of many."""
    field(files, "zitadel/auth.proto", "UserGrant", "role_keys").label = FieldDescriptorProto.LABEL_OPTIONAL


def leave_the_oneof(files: dict[str, FileDescriptorProto]) -> None:
    """A human outside of the oneof."""
    field(files, "zitadel/user.proto", "User", "human").ClearField("oneof_index")


def add_a_field(files: dict[str, FileDescriptorProto]) -> None:
    """A field that we do not have."""
    message = next(found for found in files["zitadel/user.proto"].message_type if found.name == "Machine")
    message.field.add(name="owner", number=5, type=FieldDescriptorProto.TYPE_STRING)


def renumber_a_value(files: dict[str, FileDescriptorProto]) -> None:
    """Another number for a user state."""
    enum = next(found for found in files["zitadel/user.proto"].enum_type if found.name == "UserState")
    enum.value[4].number = 7


def renumber_the_option(files: dict[str, FileDescriptorProto]) -> None:
    """Another number for the option that holds permissions."""
    files["zitadel/options.proto"].extension[0].number = 50001


def change_the_path(files: dict[str, FileDescriptorProto]) -> None:
    """Another path."""
    change_option(files, b"/usergrants/me/_search", b"/usergrants/me/_seek__")


def change_the_permission(files: dict[str, FileDescriptorProto]) -> None:
    """Another permission."""
    change_option(files, b"authenticated", b"authorization")


def make_a_stream(files: dict[str, FileDescriptorProto]) -> None:
    """A stream of pages."""
    method = next(found for found in files["zitadel/auth.proto"].service[0].method if found.name == "ListMyUserGrants")
    method.server_streaming = True


def field(files: dict[str, FileDescriptorProto], file: str, message: str, wanted: str) -> FieldDescriptorProto:
    """A field of a top-level message."""
    fields = next(found for found in files[file].message_type if found.name == message).field
    return next(found for found in fields if found.name == wanted)


def change_option(files: dict[str, FileDescriptorProto], old: bytes, new: bytes) -> None:
    """Change the options of ListMyUserGrants on the wire."""
    assert len(old) == len(new)
    method = next(found for found in files["zitadel/auth.proto"].service[0].method if found.name == "ListMyUserGrants")
    options = method.options.SerializeToString()
    assert old in options
    method.options.ParseFromString(options.replace(old, new))


@pytest.mark.parametrize(
    ("doctor", "touched"),
    [
        (renumber, "zitadel.user.v1.Session"),
        (rename, "zitadel.user.v1.Session"),
        (rename_in_json, "zitadel.user.v1.Session"),
        (retype, "zitadel.v1.ListQuery"),
        (refer_to_another_type, "zitadel.auth.v1.UserGrant"),
        (make_single, "zitadel.auth.v1.UserGrant"),
        (leave_the_oneof, "zitadel.user.v1.User"),
        (add_a_field, "zitadel.user.v1.Machine"),
        (renumber_a_value, "zitadel.user.v1.UserState"),
        (renumber_the_option, "zitadel.v1.auth_option"),
        (change_the_path, "zitadel.auth.v1.AuthService.ListMyUserGrants"),
        (change_the_permission, "zitadel.auth.v1.AuthService.ListMyUserGrants"),
        (make_a_stream, "zitadel.auth.v1.AuthService.ListMyUserGrants"),
    ],
)
def test_a_change_would_be_seen(
    their_files: dict[str, FileDescriptorProto],
    doctor: Callable[[dict[str, FileDescriptorProto]], None],
    touched: str,
) -> None:
    """Were ZITADEL's descriptors different in one point, the comparison would tell what differs, and nothing else."""
    doctored = {name: FileDescriptorProto.FromString(file.SerializeToString()) for name, file in their_files.items()}
    doctor(doctored)
    before, after = facts(their_files.values()), facts(doctored.values())
    assert [name for name in OURS if after.get(name) != before.get(name)] == [touched]

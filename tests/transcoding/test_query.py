"""Query parameters: names, values, and whose they may be."""

from typing import Any
from urllib.parse import quote

import pytest
from google.api import httpbody_pb2
from google.protobuf import struct_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from authsvc.transcoding import BadRequest
from authsvc.transcoding._query import NameTables, QueryReader
from authsvc.transcoding.protojson import Codec

from .foreign import item_class, method

Item = item_class()


def _reader(*, body: str = "", bound: tuple[str, ...] = (), strict: bool = False) -> QueryReader:
    return QueryReader(Item.DESCRIPTOR, path_bound=bound, body=body, reject_unknown=strict)


def _read(query: str, **more: Any) -> Any:
    message = Item()
    _reader(**more).read(query.encode(), message)
    return message


def _system(query: str, **more: Any) -> dict[str, str]:
    return dict(_reader(**more).read(query.encode(), Item()))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("int32Value=5&name=a+b%2B", '{"int32Value":5,"name":"a b+"}'),
        ("int32_value=1e2&other_name=x&otherName=y", '{"int32Value":100,"otherName":"y"}'),
        ("renamed=x", '{"otherName":"x"}'),
        ("tags=a&tags=b&tags=", '{"tags":["a","b",""]}'),
        ("sizes=1&sizes=2&colours=RED&colours=2", '{"sizes":[1,2],"colours":["RED","BLUE"]}'),
        ("child.child.id=x&child.int32_value=3", '{"child":{"child":{"id":"x"},"int32Value":3}}'),
        ("id", '{"id":""}'),
        ("id=&&name=a=b&", '{"name":"a=b"}'),
        ("maybeCount=0&right=0", '{"maybeCount":0,"right":0}'),
        ("boolValue=true&colour=77&bytesValue=-_8", '{"boolValue":true,"colour":77,"bytesValue":"+/8="}'),
        ("doubleValue=NaN", '{"doubleValue":"NaN"}'),
        ("when=2026-01-31T12:00:00Z&pause=1.5s&mask=id,name",
         '{"when":"2026-01-31T12:00:00Z","pause":"1.5s","mask":"id,name"}'),
        ("when.seconds=5", '{"when":"1970-01-01T00:00:05Z"}'),
        ("wrappedInt=0&wrappedText=&wrappedBool=false",
         '{"wrappedInt":"0","wrappedText":"","wrappedBool":false}'),
        ("mask=", '{"mask":""}'),
        ("when.seconds=5&when.nanos=6", '{"when":"1970-01-01T00:00:05.000000006Z"}'),
        ("wrappedText.value=a&wrapped_int.value=0", '{"wrappedText":"a","wrappedInt":"0"}'),
        ("mask.paths=id&mask.paths=name", '{"mask":"id,name"}'),
        ("whens=2026-01-31T12:00:00Z&whens=2026-01-31T12:00:01Z",
         '{"whens":["2026-01-31T12:00:00Z","2026-01-31T12:00:01Z"]}'),
        ("value.stringValue=a", '{"value":"a"}'),
        ("nullValue=null", '{"nullValue":null}'),
        ("child.id=a&child.name=b&child.tags=c&child.tags=d", '{"child":{"id":"a","name":"b","tags":["c","d"]}}'),
        ("id=\N{SNOWMAN}&name=%E2%98%83", '{"id":"\N{SNOWMAN}","name":"\N{SNOWMAN}"}'),
        ("int32%56alue=5", '{"int32Value":5}'),
    ],
)  # fmt: skip
def test_parameters_set_their_fields(query: str, expected: str) -> None:
    """A dotted name in either spelling sets its field from the JSON text of the value, unquoted."""
    assert str(_read(query, strict="other_name" not in query)) == str(Codec().decode(Item, expected.encode()))


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("int32Value=4294967296", "int32Value", "is out of range for int32"),
        ("uint32_value=-1", "uint32Value", "is out of range for uint32"),
        ("child.int32Value=x", "child.int32Value", "must be an integer"),
        ("int32Value=", "int32Value", "must be an integer"),
        ("int32Value=+1", "int32Value", "must be an integer"),
        ("int32Value=%s" % ("1" * 65), "int32Value", "has too many digits"),
        ("boolValue=1", "boolValue", "must be true or false"),
        ("boolValue=True", "boolValue", "must be true or false"),
        ("colour=MAUVE", "colour", "is not a known value"),
        ("when=yesterday", "when", "must be a time such as 2026-01-31T12:00:00Z"),
        ("wrappedInt=x", "wrappedInt", "must be an integer"),
        ("id=%ff", "id", "is not UTF-8"),
        ("id=%zz", "id", "has a malformed percent-encoding"),
        ("id=a&id=a", "id", "is given twice"),
        ("int32Value=1&int32_value=1", "int32Value", "is given twice"),
        ("whens=2026-01-31T12:00:00Z&whens=now", "whens", "must be a time such as 2026-01-31T12:00:00Z"),
        ("wrappedInt=1&wrappedInt.value=1", "wrappedInt.value", "is given twice"),
        ("wrapped_int.value=1&wrappedInt=1", "wrappedInt", "is given twice"),
        ("when=2026-01-31T12:00:00Z&when.nanos=1", "when.nanos", "is given twice"),
        ("mask=id&mask.paths=name", "mask.paths", "is given twice"),
        ("mask.paths=name&mask=id", "mask", "is given twice"),
        ("left=a&right=1", "right", "excludes another field of the request"),
        ("right=1&nestedChoice.id=x", "nestedChoice.id", "excludes another field of the request"),
        ("&".join(["tags=a"] * 1001), "", "the query has more than 1000 parameters"),
    ],
)  # fmt: skip
def test_bad_parameter_is_refused_at_its_field(query: str, field: str, reason: str) -> None:
    """A value that does not fit, or a second one where one is allowed, names the field."""
    with pytest.raises(BadRequest) as caught:
        _read(query)
    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("when.seconds=999999999999999", "when.seconds"),
        ("when.nanos=-1", "when.nanos"),
        ("child.when.seconds=-62135596801", "child.when.seconds"),
        ("pause.seconds=-1&pause.nanos=1", "pause.seconds"),
        ("value.numberValue=NaN", "value.numberValue"),
        ("value.number_value=Infinity", "value.numberValue"),
        ("mask.paths=a__b", "mask.paths"),
        ("mask.paths=id&mask.paths=fooBar", "mask.paths"),
        ("any.typeUrl=x", "any.typeUrl"),
        ("any.value=AQI", "any.value"),
    ],
)
def test_well_known_types_hold_only_what_json_can_say(query: str, field: str) -> None:
    """A value put into a well-known type by dots, which no answer could tell, is refused and names its parameter."""
    with pytest.raises(BadRequest) as caught:
        _read(query)
    assert caught.value.field == field
    assert caught.value.reason == "makes a value that does not exist"


@pytest.mark.parametrize("name", ["contentType", "content_type", "data", "extensions", "extensions.typeUrl"])
def test_the_fields_of_an_http_body_are_no_parameters(name: str) -> None:
    """Raw content is the body of a request or nothing: its fields are unknown, in a request and as one."""
    file = method(None, input_type=".shop.File").input_type
    for descriptor, query in ((httpbody_pb2.HttpBody.DESCRIPTOR, name), (file, f"content.{name}")):
        message = GetMessageClass(descriptor)()
        text = f"{query}=AQI%0d%0a".encode()
        QueryReader(descriptor, path_bound=(), body="", reject_unknown=False).read(text, message)
        assert message == GetMessageClass(descriptor)()
        with pytest.raises(BadRequest, match=r"^the query has an unknown parameter$"):
            QueryReader(descriptor, path_bound=(), body="", reject_unknown=True).read(text, message)


def test_tables_keep_what_they_have() -> None:
    """A type that was met on its own is not compiled again as a part of another."""
    tables = NameTables()
    time = tables.of(Item.DESCRIPTOR.fields_by_name["when"].message_type)
    whole = tables.of(Item.DESCRIPTOR)
    assert tables.of(whole.steps["when"].inside) is time
    assert tables.of(whole.steps["child"].inside) is whole


def test_readers_that_share_tables_tell_equal_names_apart() -> None:
    """Types of two pools may have one name and different fields."""
    file = FileDescriptorProto(name="other.proto", package="shop", syntax="proto3")
    field = file.message_type.add(name="Item").field.add(name="other", number=1)
    field.type, field.label = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.LABEL_OPTIONAL
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    tables = NameTables()
    for descriptor, name in ((Item.DESCRIPTOR, "id"), (pool.FindMessageTypeByName("shop.Item"), "other")):
        reader = QueryReader(descriptor, path_bound=(), body="", reject_unknown=True, tables=tables)
        message: Any = GetMessageClass(descriptor)()
        reader.read(f"{name}=x".encode(), message)
        assert getattr(message, name) == "x"


def test_a_thousand_parameters_are_read() -> None:
    """The limit itself is still allowed."""
    assert len(_read("&".join(["tags=a"] * 1000)).tags) == 1000


@pytest.mark.parametrize(
    "query",
    [
        "no=1", "child=x", "children.id=x", "labels.a=x", "child.no=1", "id.no=1", "struct={}", "value=1",
        "whens.seconds=1", "list=1", "labels=a", "$id=1", "$=1", "alt.x=1", "child.alt=1", ".id=1", "id.=1", "Id=1",
        "=1", "%ff=1", "%zz=1",
        "child." * 64 + "id=x", "child." * 50_000 + "id=x",
    ],
)  # fmt: skip
def test_unknown_parameter_is_ignored_or_refused(query: str) -> None:
    """A name of no eligible field is skipped by default and refused on request."""
    assert _read(query) == Item()
    with pytest.raises(BadRequest, match=r"^the query has an unknown parameter$"):
        _read(query, strict=True)


_SYSTEM = [
    ".xgafv", "access_token", "alt", "apiVersion", "callback", "fields", "httpHeaders", "key", "prettyPrint",
    "quotaUser", "uploadType", "upload_protocol",
]  # fmt: skip


@pytest.mark.parametrize("body", ["", "*"])
@pytest.mark.parametrize("name", _SYSTEM)
def test_system_parameters_are_returned(name: str, body: str) -> None:
    """What Google's clients add to every call is never unknown, and comes back without its dollar sign."""
    for spelled in (name, f"${name}"):
        assert _system(f"{spelled}=a+b%2C;c=d", strict=True, body=body) == {name: "a b,;c=d"}


@pytest.mark.parametrize("name", _SYSTEM)
def test_without_system_parameters_their_names_are_unknown(name: str) -> None:
    """With a dollar sign or without they are like any other name; a field of the request keeps its own."""
    for spelled in (name, f"${name}"):
        strict, lenient = (
            QueryReader(
                struct_pb2.Value.DESCRIPTOR, path_bound=(), body="", reject_unknown=reject, system_parameters=False
            )
            for reject in (True, False)
        )
        query = f"{quote(spelled)}=a".encode()
        with pytest.raises(BadRequest) as caught:
            strict.read(query, struct_pb2.Value())
        assert caught.value.unknown == spelled
        assert lenient.read(query, struct_pb2.Value()) == {}


def test_request_field_wins_over_a_bare_system_parameter() -> None:
    """A request field has its name for itself, wherever it is bound; the dollar sign still means the server."""
    for body in ("", "fields"):
        reader = QueryReader(struct_pb2.Struct.DESCRIPTOR, path_bound=(), body=body, reject_unknown=False)
        assert reader.read(b"fields=a&$fields=b&alt=c", struct_pb2.Struct()) == {"fields": "b", "alt": "c"}


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("alt=json&alt=json", "alt", "is given twice"),
        ("alt=json&$alt=proto", "alt", "is given twice"),
        ("$key=%ff", "key", "is not UTF-8"),
        ("fields=%", "fields", "has a malformed percent-encoding"),
    ],
)
def test_bad_system_parameter_is_refused(query: str, field: str, reason: str) -> None:
    """A system parameter is as strict as a field, and is named without its dollar sign."""
    with pytest.raises(BadRequest) as caught:
        _system(query)
    assert (caught.value.field, caught.value.reason) == (field, reason)


def test_sixty_four_names_deep_is_read() -> None:
    """The limit of depth itself is still allowed."""
    assert _read("child." * 63 + "id=x", strict=True).HasField("child")


@pytest.mark.parametrize("body", ["", "child", "*"])
@pytest.mark.parametrize("query", ["id=evil", "id=x", "child.int32_value=6", "child.int32Value=6"])
def test_path_bound_field_is_never_overridden(query: str, body: str) -> None:
    """A parameter for a field of the path is refused, in either spelling and whatever the body rule."""
    with pytest.raises(BadRequest) as caught:
        _read(query, bound=("id", "child.int32_value"), body=body)
    assert caught.value.reason == "is already given by the path"


@pytest.mark.parametrize(
    ("bound", "query"),
    [
        ("wrapped_int.value", "wrappedInt=1"),
        ("wrapped_int.value", "wrapped_int.value=1"),
        ("when.seconds", "when=2026-01-31T12:00:00Z"),
        ("when", "when.nanos=1"),
        ("child", "child.child.id=x"),
    ],
)
def test_no_other_spelling_gets_around_the_path(bound: str, query: str) -> None:
    """A message given as one value, and a field inside a bound message, count as what they would overwrite."""
    with pytest.raises(BadRequest, match="is already given by the path"):
        _read(query, bound=(bound,))
    assert _read("child.id=x&when.nanos=1", bound=("child.name", "when.seconds")).child.id == "x"


@pytest.mark.parametrize(("body", "query"), [("*", "id=x"), ("child", "child.id=x"), ("tags", "tags=x")])
def test_body_bound_field_is_no_parameter(body: str, query: str) -> None:
    """A field the body has is unknown to the query."""
    assert _read(query, body=body) == Item()
    with pytest.raises(BadRequest, match="unknown"):
        _read(query, body=body, strict=True)
    assert _read("name=x", body="child").name == "x"

"""What enum values are called in JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from transcoding.foreign import item_class, method, rule

from authsvc.transcoding import BadRequest, Dialect, RouteError, Transcoder
from authsvc.transcoding.protojson import Codec, EncodeError, EnumNameError, Style, short_enum_name

SHORT = Style(enum_name=short_enum_name)
Item = item_class()


def box_class(enum: str, values: dict[str, int]) -> Any:
    """A message whose field `kind` is an enum with these values."""
    file = FileDescriptorProto(name="box.proto", package="box", syntax="proto3")
    made: EnumDescriptorProto = file.enum_type.add(name=enum)
    for name, number in values.items():
        made.value.add(name=name, number=number)
    made.options.allow_alias = len(set(values.values())) < len(values)
    field = file.message_type.add(name="Box").field.add(name="kind", number=1, type_name=f".box.{enum}")
    field.type, field.label = FieldDescriptorProto.TYPE_ENUM, FieldDescriptorProto.LABEL_OPTIONAL
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName("box.Box"))


@pytest.mark.parametrize(
    ("enum", "name", "short"),
    [
        ("Status", "STATUS_ACTIVE", "active"),
        ("SessionStatus", "SESSION_STATUS_ACTIVE", "active"),
        ("SessionStatus", "SESSION_STATUS_NOT_YET", "not_yet"),
        ("HTTPStatus", "HTTP_STATUS_OK", "ok"),
        ("OAuth2Flow", "O_AUTH2_FLOW_CODE", "code"),
        ("Status", "ACTIVE", "active"),
        ("Status", "STATUSES_MANY", "statuses_many"),
        ("Status", "STATUS", "status"),
    ],
)
def test_a_short_name_lacks_that_of_its_enum(enum: str, name: str, short: str) -> None:
    """The name of the enum in front of a value is left out, the rest in lower case; any other name is only lowered."""
    (value,) = box_class(enum, {name: 0}).DESCRIPTOR.fields_by_name["kind"].enum_type.values
    assert short_enum_name(value) == short


def test_chosen_names_are_written_wherever_an_enum_is() -> None:
    """In fields, lists and maps, and inside an Any."""
    inner = Item(colour=2)
    message = Item(colour=1, colours=[0, 2], flags={True: 1})
    message.any.Pack(inner)
    written = json.loads(Codec(SHORT).encode(message))
    assert (written["colour"], written["colours"], written["flags"]) == (
        "red",
        ["unspecified", "blue"],
        {"true": "red"},
    )
    assert written["any"]["colour"] == "blue"


def test_chosen_names_are_read_wherever_an_enum_is() -> None:
    """What is written is read as the same message."""
    message = Item(colour=1, colours=[0, 2], flags={True: 1, False: 2})
    message.any.Pack(Item(colour=2))
    codec = Codec(SHORT)
    assert codec.decode(Item, codec.encode(message)) == message


@pytest.mark.parametrize("name", ["RED", "Red", "COLOUR_UNSPECIFIED", "", "1"])
def test_other_names_are_unknown(name: str) -> None:
    """Also the declared one: refused by a strict reader, skipped by a lenient one, in fields, lists and maps."""
    for body in ({"colour": name}, {"colours": [name]}, {"flags": {"true": name}}):
        data = json.dumps(body).encode()
        with pytest.raises(BadRequest, match="is not a known value"):
            Codec(SHORT).decode(Item, data)
        assert Codec(SHORT, unknown="ignore").decode(Item, data) == Item()


@pytest.mark.parametrize("number", [1, 7])
def test_numbers_stay_numbers(number: int) -> None:
    """They are read, and those without a name written, as ProtoJSON says."""
    codec = Codec(SHORT)
    assert codec.decode(Item, json.dumps({"colour": number}).encode()) == Item(colour=number)
    assert json.loads(codec.encode(Item(colour=7))) == {"colour": 7}
    numbers = Codec(Style(enum_name=short_enum_name, enum_numbers=True))
    assert json.loads(numbers.encode(Item(colour=number))) == {"colour": number}


def test_chosen_names_are_those_of_paths_and_queries() -> None:
    """The declared ones are refused there as well."""
    do = method(rule("GET", "/a/{colour}"))
    transcoder = Transcoder([do], dialect=Dialect(style=SHORT))

    def asked(path: str, query: bytes) -> Any:
        return transcoder.match("GET", path, query).message()

    found = asked("/a/red", b"colours=blue&colours=red")
    assert (found.colour, list(found.colours)) == (1, [2, 1])
    with pytest.raises(BadRequest, match=r"^colour: is not a known value"):
        asked("/a/RED", b"")
    with pytest.raises(BadRequest, match=r"^colours: is not a known value"):
        asked("/a/red", b"colours=BLUE")


@pytest.mark.parametrize("text", ["1", "7", "0", "-1"])
def test_paths_and_queries_have_chosen_names_alone(text: str) -> None:
    """Numbers are for bodies, where ProtoJSON asks for them; with the declared names they are read everywhere."""

    def asked(path: str, query: bytes, style: Style) -> Any:
        do = method(rule("GET", "/a/{colour}"))
        return Transcoder([do], dialect=Dialect(style=style)).match("GET", path, query).message()

    with pytest.raises(BadRequest, match=r"^colour: is not a known value"):
        asked(f"/a/{text}", b"", SHORT)
    with pytest.raises(BadRequest, match=r"^colours: is not a known value"):
        asked("/a/red", f"colours={text}".encode(), SHORT)
    assert asked(f"/a/{text}", f"colours={text}".encode(), Style()).colours == [int(text)]


def test_a_name_that_looks_like_a_number_is_a_name() -> None:
    """In the text of a path or query, and in quotes."""
    box = box_class("Version", {"VERSION_UNSPECIFIED": 0, "VERSION_2": 1, "VERSION_3": 5})
    do = method(rule("GET", "/a/{colour}"))
    style = Style(enum_name=lambda value: {"RED": "2", "BLUE": "x"}.get(value.name, value.name))
    transcoder = Transcoder([do], dialect=Dialect(style=style))
    for text, number in (("2", 1), ("x", 2)):
        message: Any = transcoder.match("GET", f"/a/{text}").message()
        assert message.colour == number
    assert Codec(SHORT).decode(box, b'{"kind":"2"}').kind == 1
    assert Codec(SHORT).decode(box, b'{"kind":2}').kind == 2


SAID = Style(enum_name=lambda value: short_enum_name(value) if value.number else "")


@pytest.mark.parametrize("body", [{"colour": ""}, {"colour": 0}, {"colour": "unspecified"}, {"colours": [1, 0]}])
def test_a_value_without_a_name_is_not_read(body: Any) -> None:
    """Neither by a name nor by its number: refused by a strict reader, skipped by a lenient one."""
    data = json.dumps(body).encode()
    with pytest.raises(BadRequest, match="is not a known value"):
        Codec(SAID).decode(Item, data)
    assert Codec(SAID, unknown="ignore").decode(Item, data) == Item(colours=[1] if "colours" in body else [])


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("message", [Item(colours=[1, 0]), Item(flags={True: 0})], ids=["list", "map"])
def test_a_value_without_a_name_is_not_written(message: Any, *, numbers: bool) -> None:
    """A message that holds one has no JSON form, as a number either; what is unset is left out as ever."""
    codec = Codec(replace(SAID, enum_numbers=numbers))
    with pytest.raises(EncodeError, match=r"^a value of an enum has no name in JSON$"):
        codec.encode(message)
    shown = {"colour": 2, "colours": [1, 7]} if numbers else {"colour": "blue", "colours": ["red", 7]}
    assert json.loads(codec.encode(Item(colour=2, colours=[1, 7]))) == shown
    assert codec.encode(Item()) == b"{}"


def test_aliases_are_all_read_and_the_first_is_written() -> None:
    """Several names of one number do no harm, whether they stay apart or become one."""
    box = box_class("Mode", {"MODE_OFF": 0, "OFF": 0, "MODE_ON": 1, "MODE_RUNNING": 1})
    codec = Codec(SHORT)
    assert [codec.decode(box, f'{{"kind":"{name}"}}'.encode()).kind for name in ("off", "on", "running")] == [0, 1, 1]
    assert codec.encode(box(kind=1)) == b'{"kind":"on"}'


def test_names_must_tell_values_apart() -> None:
    """Otherwise a message of the type can be neither written nor read."""
    box = box_class("Mode", {"MODE_OFF": 0, "MODE_ON": 1, "ON": 2})
    reason = r"^two values of box\.Mode have the name on in JSON$"
    with pytest.raises(EncodeError, match=reason):
        Codec(SHORT).encode(box(kind=1))
    with pytest.raises(EnumNameError, match=reason):
        Codec(SHORT).decode(box, b"{}")


@pytest.mark.parametrize("http", [rule("GET", "/a/{colour}"), rule("GET", "/a"), rule("POST", "/a", body="*")])
def test_names_that_clash_stop_the_start(http: Any) -> None:
    """A transcoder is not made, and its error says which method and which enum."""
    style = Style(enum_name=lambda value: "same")
    with pytest.raises(RouteError, match=r"^shop\.Shop\.Do: /a.*: two values of shop\.Colour have the name same"):
        Transcoder([method(http)], dialect=Dialect(style=style))


def test_a_type_met_in_a_body_cannot_stop_the_server() -> None:
    """An Any may name a type whose enum has clashing names: the body is refused."""
    style = Style(enum_name=lambda value: "same" if value.type.name == "Colour" else value.name)
    codec = Codec(style)
    pool = Item.DESCRIPTOR.file.pool
    any_class = GetMessageClass(pool.FindMessageTypeByName("google.protobuf.Any"))
    with pytest.raises(BadRequest, match=r"^the body holds a type that cannot be read$"):
        codec.decode(any_class, b'{"@type":"type.googleapis.com/shop.Item"}')

"""ProtoJSON bodies: what is read, what is refused, what is written."""

import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from hypothesis import given
from hypothesis import strategies as st
from transcoding.foreign import item_class

from authsvc.transcoding import BadRequest
from authsvc.transcoding.protojson import Codec, Limits

Item = item_class()


LENIENT = Codec(unknown="ignore", rest_ignored=True)
STRICT = Codec()
TOO_MUCH = "the body has more than 10000 keys, 10000 objects and arrays, or 100000 elements of arrays"


def _read(text: str | bytes, codec: Codec = LENIENT) -> Any:
    return codec.decode(Item, text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize("body", [b"", b" \t\r\n", b"{}", b" {} ", b'{"id":null,"tags":null,"labels":null}'])
def test_blank_body_is_the_default_message(body: bytes) -> None:
    """Nothing, blanks, an empty object and nulls all leave the message as it is by default."""
    assert _read(body) == Item()


@pytest.mark.parametrize("rest", [b"}", b"{}", b" garbage", b',"id":"b"', b"[" * 5000])
def test_the_rest_of_a_body_is_refused(rest: bytes) -> None:
    """A strict codec reads one value, and nothing may follow it but blanks."""
    assert _read(b'{"id":"a"} \n', STRICT).id == "a"
    with pytest.raises(BadRequest, match="goes on after"):
        _read(b'{"id":"a"}' + rest, STRICT)


@pytest.mark.parametrize("rest", [b"}", b"{}", b" garbage", b',"id":"b"', b"[" * 5000])
def test_only_the_first_value_counts(rest: bytes) -> None:
    """What follows the first JSON value is ignored, as the ZITADEL gateway documents."""
    assert _read(b'{"id":"a"}' + rest).id == "a"


@pytest.mark.parametrize(
    "field",
    [
        '"id": "é\\u0000"', '"int32Value": -2147483648', '"int32_value": "2147483647"',
        '"int32Value": 1.0', '"int32Value": 1e2', '"int32Value": "1e2"', '"int32Value": "-0"',
        '"int64Value": "9223372036854775807"', '"int64Value": -9223372036854775808',
        '"uint32Value": 4294967295', '"uint64Value": 18446744073709551615', '"sint32Value": "-7"',
        '"fixed64Value": "18446744073709551615"', '"floatValue": 0.1', '"floatValue": "-Infinity"',
        '"doubleValue": "1.5e3"', '"doubleValue": 1e308', '"doubleValue": 12345678901234567890',
        '"boolValue": true', '"bytesValue": "AQI="', '"bytesValue": "-_8"', '"colour": "RED"', '"colour": 2',
        '"colour": 77', '"tags": ["a", "b"]', '"sizes": [1, "2", 3e0]', '"colours": ["RED", 2]',
        '"maybeCount": 0', '"child": {"child": {"id": "x"}}', '"child": {}', '"children": [{}, {"id": "x"}]',
        '"left": "", "right": null', '"otherName": "x"', '"renamed": "x"', '"nestedChoice": {}',
        '"when": "2026-01-31T12:00:00.5+01:00"', '"pause": "-1.5s"', '"mask": "id,child.otherName"',
        '"struct": {"a": [1, true, null, {"b": "c"}]}', '"value": null', '"value": [1]', '"list": [null, 1]',
        '"any": {"@type": "type.googleapis.com/shop.Item", "id": "x"}', '"any": {}', '"empty": {}',
        '"nullValue": null', '"nullValue": "NULL_VALUE"', '"wrappedInt": "5"', '"wrappedText": ""',
        '"wrappedBool": false', '"whens": ["2026-01-31T12:00:00Z"]', '"values": [null, 1]',
        '"labels": {"a": "b", "": ""}', '"counts": {"-1": "5", "2": 6}', '"flags": {"true": "RED"}',
        '"items": {"a": {"id": "x"}}', '"unknown": [{"a": NULL}]'.replace("NULL", "null"),
    ],
)  # fmt: skip
def test_accepted_forms_read_as_the_reference_reads_them(field: str) -> None:
    """Every form ProtoJSON allows gives the message that protobuf's own parser gives."""
    text = "{" + field + "}"
    expected = json_format.Parse(text, Item(), ignore_unknown_fields=True, descriptor_pool=Item.DESCRIPTOR.file.pool)
    assert _read(text) == expected
    assert LENIENT.decode(Item, LENIENT.encode(expected)) == expected


@pytest.mark.parametrize(
    ("field", "path", "reason"),
    [
        ('"int32Value": 2147483648', "int32Value", "is out of range for int32"),
        ('"int32Value": 1e400', "", "the body has a number that is out of range"),
        ('"uint32_value": -1', "uint32Value", "is out of range for uint32"),
        ('"int64Value": "9223372036854775808"', "int64Value", "is out of range for int64"),
        ('"uint64Value": 18446744073709551616', "uint64Value", "is out of range for uint64"),
        ('"int32Value": 1.5', "int32Value", "must be an integer"),
        ('"int32Value": true', "int32Value", "must be an integer"),
        ('"int32Value": "1_0"', "int32Value", "must be an integer"),
        ('"int32Value": "+1"', "int32Value", "must be an integer"),
        ('"int32Value": " 1"', "int32Value", "must be an integer"),
        ('"int32Value": "1 "', "int32Value", "must be an integer"),
        ('"int32Value": "01"', "int32Value", "must be an integer"),
        ('"int32Value": "1\\n"', "int32Value", "must be an integer"),
        ('"int32Value": "\\u0661"', "int32Value", "must be an integer"),
        ('"int32Value": ""', "int32Value", "must be an integer"),
        ('"int32Value": "Infinity"', "int32Value", "must be an integer"),
        ('"int32Value": []', "int32Value", "must be an integer"),
        ('"int64Value": "%s"' % ("1" * 65), "int64Value", "has too many digits"),
        ('"doubleValue": true', "doubleValue", "must be a number"),
        ('"doubleValue": " 1"', "doubleValue", "must be a number"),
        ('"doubleValue": "nan"', "doubleValue", "must be a number"),
        ('"doubleValue": 1e400', "", "the body has a number that is out of range"),
        ('"doubleValue": "1e400"', "doubleValue", "is out of range for double"),
        ('"floatValue": 1e39', "floatValue", "is out of range for float"),
        ('"boolValue": 1', "boolValue", "must be true or false"),
        ('"boolValue": "true"', "boolValue", "must be true or false"),
        ('"id": 1', "id", "must be a string"),
        ('"id": "\\ud800"', "", "the body has a string that is not Unicode"),
        ('"bytesValue": "!!!!"', "bytesValue", "must be base64"),
        ('"bytesValue": "YQ==="', "bytesValue", "must be base64"),
        ('"bytesValue": "Y"', "bytesValue", "must be base64"),
        ('"bytesValue": "YQ="', "bytesValue", "must be base64"),
        ('"colour": true', "colour", "must be an integer"),
        ('"colour": 1.5', "colour", "must be an integer"),
        ('"colour": 2147483648', "colour", "is out of range for an enum"),
        ('"tags": "a"', "tags", "must be a JSON array"),
        ('"tags": ["a", null]', "tags[1]", "must be a string"),
        ('"children": [{}, {"child": {"id": 1}}]', "children[1].child.id", "must be a string"),
        ('"children": [null]', "children[0]", "must be a JSON object"),
        ('"child": []', "child", "must be a JSON object"),
        ('"child": "x"', "child", "must be a JSON object"),
        ('"int32Value": 1, "int32_value": 1', "int32Value", "is given twice"),
        ('"otherName": null, "renamed": "x"', "otherName", "is given twice"),
        ('"left": "a", "right": 1', "right", "excludes another field of the request"),
        ('"nestedChoice": {}, "right": 1', "right", "excludes another field of the request"),
        ('"when": "2026-1-1T00:00:00Z"', "when", "must be a time such as 2026-01-31T12:00:00Z"),
        ('"when": "2026-02-30T00:00:00Z"', "when", "must be a time such as 2026-01-31T12:00:00Z"),
        ('"when": "2026-01-01T00:00:00+99:99"', "when", "must be a time such as 2026-01-31T12:00:00Z"),
        ('"when": 5', "when", "must be a time such as 2026-01-31T12:00:00Z"),
        ('"pause": "+1s"', "pause", "must be a duration such as 1.5s"),
        ('"pause": "999999999999s"', "pause", "is out of range for a duration"),
        ('"mask": "a_b"', "mask", "must be field names joined by commas"),
        (f'"mask": "{",".join(["a"] * 1001)}"', "mask", "has more than 1000 paths"),
        ('"mask": "fooBar,"', "mask", "must be field names joined by commas"),
        ('"struct": []', "struct", "must be a JSON object"),
        ('"list": {}', "list", "must be a JSON array"),
        ('"value": [{"a": -1e400}]', "", "the body has a number that is out of range"),
        ('"any": {"@type": "type.googleapis.com/no.Such"}', "any.@type", "is not a known type"),
        ('"any": {"@type": 5}', "any.@type", "must be a type URL"),
        ('"any": {"@type": "shop.Item"}', "any.@type", "must be a type URL"),
        ('"any": {"id": "x"}', "any.@type", "must be a type URL"),
        ('"any": []', "any", "must be a JSON object"),
        ('"any": "x"', "any", "must be a JSON object"),
        ('"whens": [null]', "whens[0]", "must be a time such as 2026-01-31T12:00:00Z"),
        ('"wrappedInt": true', "wrappedInt", "must be an integer"),
        ('"labels": []', "labels", "must be a JSON object"),
        ('"labels": {"secret": null}', "labels", "must be a string"),
        ('"counts": {"1": 1, "1e0": 1}', "counts", "has a repeated key"),
        ('"counts": {"x": 1}', "counts", "must be an integer"),
        ('"flags": {"1": "RED"}', "flags", "must be true or false"),
        ('"items": {"secret": {"id": 1}}', "items.id", "must be a string"),
        ('"unknown": {"a": 1, "a": 1}', "", "the body has an object with a repeated key"),
    ],
)  # fmt: skip
def test_value_that_does_not_fit_is_refused_at_its_field(field: str, path: str, reason: str) -> None:
    """What ProtoJSON forbids is an error that names the field and repeats nothing the client sent."""
    with pytest.raises(BadRequest) as caught:
        _read("{" + field + "}")
    assert (caught.value.field, caught.value.reason) == (path, reason)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"id":"\xff"}', "the body is not UTF-8"),
        (b"\xef\xbb\xbf{}", "the body is not JSON"),
        (b'{"doubleValue": NaN}', "the body is not JSON"),
        (b'{"doubleValue": -Infinity}', "the body is not JSON"),
        (b'{"id":"a","id":"b"}', "the body has an object with a repeated key"),
        (b'{"int64Value":' + b"1" * 65 + b"}", "the body has a number with too many digits"),
        (b'{"unknown":' + b"1" * 100_000 + b"}", "the body has a number with too many digits"),
        (b'{"id":"a",}', "the body is not JSON"),
        (b'{"id":01}', "the body is not JSON"),
        (b"{'id':1}", "the body is not JSON"),
        (b'{"id":"a\nb"}', "the body is not JSON"),
        (b'{"id":', "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xc2\xa0{}", "the body is not JSON"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"id"', "must be a JSON object"),
        (b"1", "must be a JSON object"),
        (b'{"child":' * 65 + b"{}" + b"}" * 65, "the body is nested deeper than 64"),
        (b'{"child":' * 5000 + b"{}" + b"}" * 5000, "the body is nested deeper than 64"),
        (b"[" * 100_000, "the body is nested deeper than 64"),
        (b'{"unknown":{%s}}' % b",".join(b'"%d":1' % index for index in range(10_000)), TOO_MUCH),
        (b'{"children":[%s]}' % b",".join([b"{}"] * 9_999), TOO_MUCH),
        (b'{"sizes":[%s]}' % b",".join([b"1"] * 100_001), TOO_MUCH),
        (b'{"sizes":[%s]}x' % b",".join([b"1"] * 100_001), TOO_MUCH),
    ],
)
def test_body_that_is_no_json_object_or_too_much_is_refused(body: bytes, reason: str) -> None:
    """Broken JSON and exceeded limits end in a BadRequest with a fixed sentence, never another error."""
    with pytest.raises(BadRequest) as caught:
        _read(body)
    assert (caught.value.field, caught.value.reason) == ("", reason)


@pytest.mark.parametrize(
    ("head", "opening", "tail"),
    [
        ("", '{"child":', ""),
        ('{"list":[', "[", "]}"),
        ('{"struct":{"a":', '{"a":', "}}"),
        ('{"no":[', "[", "]}"),
    ],
)
def test_nesting_is_counted_in_brackets(head: str, opening: str, tail: str) -> None:
    """Sixty-four levels are read, wherever the brackets stand; the sixty-fifth is refused."""
    closing = "}" if "{" in opening else "]"
    core = "{}" if "{" in opening else "[]"

    def nested(depth: int) -> str:
        repeated = depth - 1 - len(tail)
        return head + opening * repeated + core + closing * repeated + tail

    assert _read(nested(64)).ByteSize() > 0 or "no" in head
    with pytest.raises(BadRequest, match="deeper"):
        _read(nested(65))


def test_limits_are_the_callers() -> None:
    """A codec has the limits that it is given."""
    codec = Codec(limits=Limits(depth=2, keys=3, containers=2, elements=2))
    assert _read('{"id":"a","tags":["b","c"]}', codec).id == "a"
    for body in ('{"child":{"child":{}}}', '{"id":"","name":"","sizes":[],"tags":[]}', '{"tags":["","",""]}'):
        with pytest.raises(BadRequest, match=r"^the body"):
            _read(body, codec)


@pytest.mark.parametrize(
    ("number", "read"), [("1" * 64, True), ("1" * 65, False), (f"{'1' * 40}.{'1' * 23}", True),
                         (f"{'1' * 40}.{'1' * 24}", False), (f"-{'1' * 60}e12", True), (f"-{'1' * 60}e+12", False)]
)  # fmt: skip
@pytest.mark.parametrize("rest", ["", ',"id":"\\":"'])
def test_a_number_has_at_most_64_characters(number: str, rest: str, *, read: bool) -> None:
    """Sign, point and exponent count like digits, quoted or not, whatever else is in the body."""
    for value in (number, f'"{number}"'):
        if read:
            assert _read(f'{{"doubleValue":{value}{rest}}}', STRICT).double_value == float(number)
        else:
            with pytest.raises(BadRequest, match="too many digits"):
                _read(f'{{"doubleValue":{value}{rest}}}', STRICT)


def test_the_most_that_is_read() -> None:
    """A body at every limit is read."""
    assert len(_read(b'{"sizes":[%s]}' % b",".join([b"1"] * 100_000)).sizes) == 100_000
    assert len(_read(b'{"children":[%s]}' % b",".join([b"{}"] * 9_998)).children) == 9_998
    labels = b",".join(b'"%d":""' % index for index in range(9_999))
    assert len(_read(b'{"labels":{%s}}' % labels).labels) == 9_999


@pytest.mark.parametrize("body", [b'{"unknown":1}', b'{"child":{"x":1}}', b'{"colour":"MAUVE"}'])
def test_unknown_fields_are_refused_on_request(body: bytes) -> None:
    """By default unknown fields and enum names are refused, without repeating them."""
    assert _read(body).colour == 0
    with pytest.raises(BadRequest) as caught:
        _read(body, STRICT)
    assert "MAUVE" not in str(caught.value)


def test_unknown_enum_names_are_skipped_one_by_one() -> None:
    """When unknowns are ignored, an unknown enum name vanishes from its field, list or map."""
    read = _read('{"colour":"X","colours":["RED","X","BLUE"],"flags":{"true":"X","false":"RED"}}')
    assert (read.colour, list(read.colours), dict(read.flags)) == (0, [1, 2], {False: 1})


def test_closed_enum_takes_known_numbers_only() -> None:
    """A proto2 enum has no room for unknown numbers: they are skipped like unknown names, or refused."""
    assert LENIENT.decode(FieldDescriptorProto, b'{"type":9}').type == FieldDescriptorProto.TYPE_STRING
    assert not LENIENT.decode(FieldDescriptorProto, b'{"type":99}').HasField("type")
    with pytest.raises(BadRequest, match=r"^type: is not a known value$"):
        STRICT.decode(FieldDescriptorProto, b'{"type":99}')


def test_presence_follows_the_body() -> None:
    """A field given with its default value is present, and a null one is not."""
    read = _read('{"maybeCount":0,"child":{},"right":0,"wrappedText":""}')
    assert all(read.HasField(name) for name in ("maybe_count", "child", "right", "wrapped_text"))
    assert not _read('{"maybeCount":null,"child":null}').ListFields()


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Item(), "{}"),
        (Item(id='é"\u2028', int64_value=5), '{"id":"é\\"\u2028","int64Value":"5"}'),
        (Item(colour=1, colours=[2, 9]), '{"colour":"RED","colours":["BLUE",9]}'),
        (Item(float_value=0.1, double_value=float("inf")), '{"floatValue":0.1,"doubleValue":"Infinity"}'),
        (Item(maybe_count=0, renamed="x", bytes_value=b"\xff\xfe"),
         '{"bytesValue":"//4=","maybeCount":0,"otherName":"x"}'),
        (Item(child=Item()), '{"child":{}}'),
    ],
)  # fmt: skip
def test_encode_is_compact_proto_json(message: Any, text: str) -> None:
    """Replies use JSON names, omit defaults, quote 64-bit integers, name enums and stay UTF-8."""
    assert json.loads(LENIENT.encode(message)) == json.loads(text)
    assert len(LENIENT.encode(message)) == len(text.encode())
    assert LENIENT.encode(message).decode().isascii() == text.isascii()


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_names = st.sampled_from([field.json_name for field in Item.DESCRIPTOR.fields])
_trees = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3))


@given(st.dictionaries(_names, _trees, max_size=4))
def test_any_json_is_read_or_refused(tree: dict[str, object]) -> None:
    """Whatever the values, decoding gives a message that survives being written, or a BadRequest."""
    try:
        message = _read(json.dumps(tree))
    except BadRequest as error:
        text = str(error)
    else:
        text = ""
        again = LENIENT.decode(Item, LENIENT.encode(message))
        assert again.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
    assert len(text.encode()) <= 200


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No bytes make decoding raise anything but a BadRequest."""
    with suppress(BadRequest):
        _read(body)

"""The choices of the writer."""

import json
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from transcoding.foreign import item_class

from authsvc.transcoding.protojson import Codec, EncodeError, Style

Item = item_class()


def _written(message: Any, **style: Any) -> Any:
    return json.loads(Codec(Style(**style)).encode(message))


@pytest.mark.parametrize("proto_names", [False, True])
def test_chosen_fields_are_null_when_unset(*, proto_names: bool) -> None:
    """Only fields that the style chooses are null when they are unset; set ones are written as ever."""
    chosen = {"maybe_count", "child", "wrapped_text", "when", "left"}
    names = ["maybe_count", "child", "wrapped_text", "when", "left"]
    shown = names if proto_names else [Item.DESCRIPTOR.fields_by_name[name].json_name for name in names]
    style = {"nullable": lambda field: field.name in chosen, "proto_names": proto_names}
    assert _written(Item(id="x"), **style) == {"id": "x"} | dict.fromkeys(shown)
    full = Item(maybe_count=0, child=Item(), wrapped_text={"value": ""}, when={}, left="")
    nothing = dict.fromkeys(shown)
    assert _written(full, **style) == nothing | {
        shown[0]: 0,
        shown[1]: nothing,
        shown[2]: "",
        shown[3]: "1970-01-01T00:00:00Z",
        shown[4]: "",
    }


def test_fields_without_presence_are_never_null() -> None:
    """A field that cannot be unset is omitted at its default, whatever the style says."""
    written = _written(Item(), nullable=lambda _: True)
    assert all(value is None for value in written.values())
    assert {"id", "tags", "labels", "int32Value"}.isdisjoint(written)
    assert {"maybeCount", "child", "when", "wrappedInt", "left"} <= written.keys()


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000Z"),
        (1, 5_000_000, "1970-01-01T00:00:01.005Z"),
        (1, 999_999_999, "1970-01-01T00:00:01.999Z"),
        (-62_135_596_800, 0, "0001-01-01T00:00:00.000Z"),
        (253_402_300_799, 999_000_000, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_have_three_digits_on_request(seconds: int, nanos: int, text: str) -> None:
    """With `millis` every time has three fractional digits, finer ones cut off, also in lists and inside an Any."""
    time = {"seconds": seconds, "nanos": nanos}
    item = Item(when=time, whens=[time])
    item.any.Pack(Timestamp(seconds=seconds, nanos=nanos))
    written = _written(item, millis=True)
    assert (written["when"], written["whens"], written["any"]["value"]) == (text, [text], text)


@pytest.mark.parametrize(("seconds", "nanos"), [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 10**9)])
@pytest.mark.parametrize("millis", [False, True])
def test_a_time_outside_the_calendar_has_no_json(seconds: int, nanos: int, *, millis: bool) -> None:
    """What RFC 3339 cannot say is an error, and no wrong date."""
    with pytest.raises(EncodeError):
        _written(Item(when={"seconds": seconds, "nanos": nanos}), millis=millis)


def test_pretty_answers_are_indented() -> None:
    """Indented by two spaces a message is the same JSON."""
    codec = Codec()
    assert codec.encode(Item(id="a", tags=["b"]), pretty=True) == b'{\n  "id": "a",\n  "tags": [\n    "b"\n  ]\n}'

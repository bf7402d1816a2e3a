"""The encoder against protobuf's own, on random messages of every kind."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transcoding.protojson.messages import subjects
from transcoding.protojson.strategies import described_messages, messages, well_known_messages

from authsvc.transcoding.protojson import Codec, Style

SETTINGS = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
CODECS = {
    style: Codec(style)
    for style in (
        Style(defaults=defaults, proto_names=proto_names, enum_numbers=enum_numbers)
        for defaults, proto_names, enum_numbers in product([False, True], repeat=3)
    )
}
styles = st.sampled_from(list(CODECS))


@pytest.mark.parametrize("subject", subjects())
@settings(SETTINGS, max_examples=150)
@given(data=st.data())
def test_known_type_is_written_as_the_reference_writes_it(subject: str, data: st.DataObject) -> None:
    """In every style, the JSON says what protobuf's own says, with its fields in the same order."""
    _check(data.draw(messages(subjects()[subject])), data.draw(styles))


@settings(SETTINGS, max_examples=300)
@given(message=described_messages(), style=styles)
def test_random_type_is_written_as_the_reference_writes_it(message: Any, style: Style) -> None:
    """Whatever a type is made of, and whatever its names, the JSON says what protobuf's own says."""
    _check(message, style)


@settings(SETTINGS, max_examples=200)
@given(message=well_known_messages(), style=styles)
def test_well_known_type_is_written_as_the_reference_writes_it(message: Any, style: Style) -> None:
    """A well-known type alone, whose JSON need not be an object, says what protobuf's own says."""
    _check(message, style)


@settings(SETTINGS, max_examples=60)
@given(message=messages(subjects()["item"]), style=styles)
def test_pretty_form_says_the_same(message: Any, style: Style) -> None:
    """Indenting changes blanks only."""
    compact, pretty = CODECS[style].encode(message), CODECS[style].encode(message, pretty=True)
    assert json.dumps(json.loads(compact)) == json.dumps(json.loads(pretty))


def _check(message: Any, style: Style) -> None:
    ours = json.loads(CODECS[style].encode(message))
    theirs = json_format.MessageToDict(
        message,
        always_print_fields_with_no_presence=style.defaults,
        preserving_proto_field_name=style.proto_names,
        use_integers_for_enums=style.enum_numbers,
        descriptor_pool=message.DESCRIPTOR.file.pool,
    )
    assert _difference(ours, theirs, style) == ""
    if isinstance(ours, dict) and not style.defaults:  # protobuf's puts the defaults behind everything else
        assert list(ours) == list(theirs)


def _difference(ours: Any, theirs: Any, style: Style, path: str = "") -> str:
    """Compare as JSON does: 1 and 1.0 are one number, but 1 is not true, and 0.0 is not -0.0."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return f"{path}: only one has {sorted(ours.keys() ^ theirs.keys())[:5]}"
        found = (_difference(ours[key], theirs[key], style, f"{path}.{key}") for key in ours)
        return next(filter(None, found), "")
    if isinstance(theirs, list) and isinstance(ours, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        found = (_difference(our, their, style, f"{path}[{index}]") for index, (our, their) in pairs)
        return next(filter(None, found), "")
    if isinstance(theirs, float):
        same = type(ours) in {int, float} and repr(float(ours)) == repr(theirs)
    else:
        same = type(ours) is type(theirs) and bool(ours == theirs)
        # protobuf's writes a NullValue as 0 in this style, though its own reader takes null for it.
        same = same or (style.enum_numbers and ours is None and type(theirs) is int and theirs == 0)
    return "" if same else f"{path}: {ours!r} is not {theirs!r}"

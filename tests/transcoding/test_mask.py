"""Response field masks: what is understood, what is refused, and what remains of an answer."""

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.transcoding import BadRequest
from authsvc.transcoding._mask import MAX_DEPTH, MAX_LENGTH, masked, parse_mask

from .foreign import item

ITEM = item()
SMALL = {"id": "a", "name": "b"}
WHOLE: dict[str, Any] = {
    "id": "a",
    "int32Value": 1,
    "otherName": "r",
    "tags": ["x", "y"],
    "child": {"id": "c", "int32Value": 2, "child": SMALL},
    "children": [{"id": "d", "child": SMALL}, {"name": "e"}, {}],
    "labels": {"k": "v", "a-b": "w", "1": "x"},
    "items": {"k": SMALL, "l": {"id": "f"}},
    "counts": {"1": "10", "22": "20"},
    "struct": {"a": {"b": 1, "c": [{"d": 1, "e": 2}]}, "f": {"b": 2}},
    "value": {"a": 1, "b": 2},
    "values": [{"a": 1, "b": 2}, 5, None],
    "any": {"@type": "type.googleapis.com/shop.Item", "id": "g", "child": SMALL},
    "when": "2020-01-01T00:00:00Z",
    "nullValue": None,
}


def part(mask: str, *, value: Any = None, proto_names: bool = False) -> Any:
    """What a mask leaves of an answer."""
    return masked(WHOLE if value is None else value, parse_mask(mask, ITEM, proto_names=proto_names))


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("id", {"id": "a"}),
        ("id,tags", {"id": "a", "tags": ["x", "y"]}),
        ("tags,id", {"id": "a", "tags": ["x", "y"]}),
        ("int32Value", {"int32Value": 1}),
        ("int32_value", {"int32Value": 1}),
        ("otherName", {"otherName": "r"}),
        ("renamed", {"otherName": "r"}),
        ("child", {"child": WHOLE["child"]}),
        ("child.id", {"child": {"id": "c"}}),
        ("child/id", {"child": {"id": "c"}}),
        ("child(id)", {"child": {"id": "c"}}),
        ("child(id,int32_value)", {"child": {"id": "c", "int32Value": 2}}),
        ("child.child.name", {"child": {"child": {"name": "b"}}}),
        ("child/child(name),id", {"id": "a", "child": {"child": {"name": "b"}}}),
        ("child(child(name),id)", {"child": {"id": "c", "child": {"name": "b"}}}),
        ("nullValue", {"nullValue": None}),
        ("when", {"when": "2020-01-01T00:00:00Z"}),
        ("double_value", {}),
        ("nested_choice.id", {}),
        ("*", WHOLE),
        ("id,*", WHOLE),
        ("child.*", {"child": WHOLE["child"]}),
        ("child(*)", {"child": WHOLE["child"]}),
    ],
)
def test_selectors_name_what_is_left(mask: str, left: Any) -> None:
    """Fields in both spellings, with dots, slashes or parentheses; what is not set stays away without an error."""
    assert part(mask) == left


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("children.id", [{"id": "d"}, {}, {}]),
        ("children(id)", [{"id": "d"}, {}, {}]),
        ("children.*.id", [{"id": "d"}, {}, {}]),
        ("children/*/id", [{"id": "d"}, {}, {}]),
        ("children.*(id,name)", [{"id": "d"}, {"name": "e"}, {}]),
        ("children.*", WHOLE["children"]),
        ("children.child.*.id", None),
        ("children.child/name", [{"child": {"name": "b"}}, {}, {}]),
    ],
)
def test_lists_give_a_part_of_each_element(mask: str, left: Any) -> None:
    """A field of a list is that of every element; a star before it says the same (AIP-161)."""
    if left is None:
        with pytest.raises(BadRequest):
            part(mask)
    else:
        assert part(mask) == {"children": left}


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("labels", {"labels": WHOLE["labels"]}),
        ("labels.k", {"labels": {"k": "v"}}),
        ("labels.a-b,labels.1", {"labels": {"a-b": "w", "1": "x"}}),
        ("labels.nowhere", {"labels": {}}),
        ("counts.22", {"counts": {"22": "20"}}),
        ("labels.*", {"labels": WHOLE["labels"]}),
        ("items.k.id", {"items": {"k": {"id": "a"}}}),
        ("items(k(id),l)", {"items": {"k": {"id": "a"}, "l": {"id": "f"}}}),
        ("items.*.id", {"items": {"k": {"id": "a"}, "l": {"id": "f"}}}),
        ("items(*(id),k(name))", {"items": {"k": SMALL, "l": {"id": "f"}}}),
        ("items(k(name),*(id))", {"items": {"k": SMALL, "l": {"id": "f"}}}),
    ],
)
def test_maps_are_objects_of_any_keys(mask: str, left: Any) -> None:
    """A key is named like a field, a star stands for every key, and values are masked by their type."""
    assert part(mask) == left


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("struct.a.b", {"struct": {"a": {"b": 1}}}),
        ("struct.a.c.e", {"struct": {"a": {"c": [{"e": 2}]}}}),
        ("struct.*.b", {"struct": {"a": {"b": 1}, "f": {"b": 2}}}),
        ("struct(*(b),a(c))", {"struct": {"a": {"b": 1, "c": [{"d": 1, "e": 2}]}, "f": {"b": 2}}}),
        ("value.a", {"value": {"a": 1}}),
        ("values.a", {"values": [{"a": 1}, 5, None]}),
        ("values.*.a", {"values": [{"a": 1}, 5, None]}),
        ("any.@type", {"any": {"@type": "type.googleapis.com/shop.Item"}}),
        ("any(@type,child/id)", {"any": {"@type": "type.googleapis.com/shop.Item", "child": {"id": "a"}}}),
    ],
)
def test_free_values_have_whatever_fields_they_have(mask: str, left: Any) -> None:
    """Inside Struct, Value and Any nothing is known beforehand, so any name is fine."""
    assert part(mask) == left


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        ("id,id", {"id": "a"}),
        ("child.id,child", {"child": WHOLE["child"]}),
        ("child,child.id", {"child": WHOLE["child"]}),
        ("child.id,child(int32_value)", {"child": {"id": "c", "int32Value": 2}}),
        ("child(child.id),child.child.name", {"child": {"child": SMALL}}),
        ("int32_value,int32Value", {"int32Value": 1}),
        ("*,child.id", WHOLE),
        ("child.id,*", WHOLE),
        ("child(*,child.id)", {"child": WHOLE["child"]}),
        ("child.child(id),child.*", {"child": WHOLE["child"]}),
    ],
)
def test_overlapping_selectors_add_up(mask: str, left: Any) -> None:
    """A field is there as far as any selector wants it, whatever their order; the star is one of them."""
    assert part(mask) == left


def _selectors(kind: str = "item", depth: int = 3) -> st.SearchStrategy[str]:
    """Selectors that fit an item, a map of items, or a Struct."""
    inside = {
        "item": {"id": "", "tags": "", "*": "", "child": "item", "children": "item", "items": "map", "struct": "free"},
        "map": {"k": "item", "l": "item", "*": "item"},
        "free": dict.fromkeys([*"abcdef", "*"], "free"),
    }[kind]

    def longer(name: str) -> st.SearchStrategy[str]:
        if not inside[name] or not depth:
            return st.just(name)
        inner = _selectors(inside[name], depth - 1)
        several = st.lists(inner, min_size=1, max_size=3).map(",".join)
        return st.one_of(
            st.just(name), inner.map(f"{name}.{{}}".format), inner.map(f"{name}/{{}}".format),
            several.map(f"{name}({{}})".format),
        )  # fmt: skip

    return st.sampled_from(sorted(inside)).flatmap(longer)


def _sum(value: Any, parts: list[Any]) -> Any:
    """What is in any of several parts of a value."""
    if isinstance(value, dict):
        kept = {name: [part[name] for part in parts if name in part] for name in value}
        return {name: _sum(value[name], found) for name, found in kept.items() if found}
    if isinstance(value, list):
        return [_sum(item, list(found)) for item, *found in zip(value, *parts, strict=True)]
    return value


@given(st.lists(_selectors(), min_size=1, max_size=4))
def test_a_mask_is_the_sum_of_its_selectors(selectors: list[str]) -> None:
    """Whatever the selectors, a mask leaves what each of them leaves, and nothing else; once more changes nothing."""
    mask = ",".join(selectors)
    left = part(mask)
    assert left == _sum(WHOLE, [part(selector) for selector in selectors])
    assert part(mask, value=left) == left


@pytest.mark.parametrize(
    "mask",
    [
        "no",
        "ID",
        "id.id",
        "id.*",
        "id(id)",
        "tags.x",
        "child.no",
        "children.no",
        "children.*.no",
        "items.k.no",
        "labels.k.x",
        "counts.1.2",
        "when.seconds",
        "wrapped_int.value",
        "empty.x",
        "colour.name",
        "*.id",
        "*(id)",
        "@type",
        "1",
        "a-b",
    ],
)
def test_unknown_names_are_refused(mask: str) -> None:
    """A field that no answer has, or one inside a value that is no object, is a mistake that is told."""
    with pytest.raises(BadRequest, match=r"^fields: (names a field that|looks inside a value)"):
        part(mask)


@pytest.mark.parametrize(
    "mask",
    [
        ",",
        ",id",
        "id,",
        "id,,id",
        ".id",
        "id.",
        "child..id",
        "child./id",
        "child.(id)",
        "child()",
        "child(id",
        "child(id))",
        "child)",
        "(id)",
        "child(id)id",
        "child(id).id",
        "child(id)(id)",
        "id name",
        " id",
        "id ",
        "id, ",
        " ,id",
        "id , ,name",
        "child( id)",
        "id\t,name",
        "id\n",
        "id;name",
        "child[0]",
        '"id"',
        "\u00fc",
        "id\0",
    ],
)
def test_malformed_masks_are_refused(mask: str) -> None:
    """What the grammar does not derive is 400, with an example of what it does."""
    with pytest.raises(BadRequest, match=r"^fields: must be field names such as"):
        part(mask)


@pytest.mark.parametrize("comma", [",", ", ", " ,", "  ,   "])
def test_blanks_may_stand_around_commas(comma: str) -> None:
    """So proxies join the lines of a header."""
    assert part(f"id{comma}child(id{comma}int32_value){comma}tags") == part("id,child(id,int32_value),tags")


def test_masks_have_a_length_and_a_depth() -> None:
    """The limits hold exactly, for every way to nest."""
    longest = "id," * 1364 + "name"
    assert len(longest) == MAX_LENGTH
    assert part(longest) == {"id": "a"}
    with pytest.raises(BadRequest, match="too long"):
        part("id," * 1365 + "id")
    assert part("child." * (MAX_DEPTH - 1) + "id") == {"child": {"child": {}}}
    for deep in ("child." * MAX_DEPTH + "id", "child(" * MAX_DEPTH + "id" + ")" * MAX_DEPTH, "struct" + ".a" * 2000):
        with pytest.raises(BadRequest, match="too deep"):
            part(deep)


def test_answers_keep_the_order_of_their_fields() -> None:
    """A mask takes away and never reorders."""
    assert list(part("tags,int32_value,id")) == ["id", "int32Value", "tags"]


def test_masks_write_the_names_that_answers_have() -> None:
    """With the names of the .proto file in answers, both spellings still select."""
    value = {"int32_value": 1, "renamed": "r", "id": "a"}
    assert part("int32Value,otherName", value=value, proto_names=True) == {"int32_value": 1, "renamed": "r"}
    assert part("int32_value,renamed", value=value, proto_names=True) == {"int32_value": 1, "renamed": "r"}


@pytest.mark.parametrize("mask", ["id", "*"])
def test_values_without_fields_have_no_masks(mask: str) -> None:
    """Where answers are scalars, as `response_body` may make them, every mask looks for what is not there."""
    with pytest.raises(BadRequest, match="looks inside a value that has no fields"):
        parse_mask(mask, None, proto_names=False)


LONGEST = {
    "parentheses": "(" * MAX_LENGTH,
    "nesting": "child(" * 682,
    "one name": ",".join(["id"] * 1365),
    "many paths": ",".join(["child.id"] * 455),
    "parts of one": ",".join(f"struct.{number:x}" for number in range(390)),
    "one object": f"struct({','.join(f'{number:x}' for number in range(1000))})",
    "stars": "*," * 2047 + "*",
    "dots": "." * MAX_LENGTH,
    "blanks": f"a{' ' * (MAX_LENGTH - 2)}b",
    "blanks and a comma": f"id{' ' * 2044},{' ' * 2045}name",
    "union": "struct(" + ",".join(f"*({name}),b({name})" for name in map("{:x}".format, range(290))) + ")",
    "nested stars": "struct(" + ",".join(f"*(*(*(*(*,{n})),x{n}),y{n}(*,z.{n}))" for n in range(120)) + ")",
}


def took(mask: str, value: Any) -> float:
    """Seconds that it takes to refuse a mask, or to parse and apply it; the best of a few."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        with suppress(BadRequest):
            masked(value, parse_mask(mask, ITEM, proto_names=False))
        times.append(time.perf_counter() - started)
    return min(times)


@pytest.mark.parametrize("name", LONGEST)
def test_hostile_masks_are_cheap(name: str) -> None:
    """The longest masks of any kind are refused, or parsed and applied, in little time."""
    assert len(LONGEST[name]) <= MAX_LENGTH
    deep = {"a": {"b": {"x1": {"z": {}}, "y1": {"z": {"1": 1}}}}, "b": {"y2": {"a": {"b": 1}}}}
    assert took(LONGEST[name], [{"struct": deep, "child": SMALL}] * 100) < 0.05


@pytest.mark.parametrize("name", ["blanks", "blanks and a comma", "dots", "parentheses"])
def test_a_mask_is_read_once(name: str) -> None:
    """Refusing the longest mask, or finding little in it, takes no longer than to parse one full of names."""
    assert took(LONGEST[name], {}) < took(LONGEST["one name"], {})

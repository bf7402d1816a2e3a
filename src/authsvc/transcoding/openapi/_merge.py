"""One document out of several: of transcoders with different dialects behind one address."""

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from ._kinds import Json

_REFERENCE = re.compile(r"#/components/([^/]+)/(.+)")
_HOLE = re.compile(r"\{[^}]*\}")
_SCHEMES = "securitySchemes"

# A component: its kind and its name.
_Component = tuple[str, str]


def merged(first: Json, *others: Json) -> Json:
    """Return one document with all paths, tags and components; the rest is that of the first.

    Components that are the same stand there once. Where two have only the name in common, that of the later document
    gets a number, as an operation does whose `operationId` is taken.

    Raises:
        ValueError: two documents have the same path, or different security schemes of the same name.

    """
    whole = first
    for other in others:
        whole = _both(whole, other)
    return whole


def _both(first: Json, second: Json) -> Json:
    second = _renamed(second, _new_names(first, second))
    shapes = {_shape(path) for path in first["paths"]}
    for path in second["paths"]:
        if _shape(path) in shapes:
            raise ValueError(f"{path}: two documents have this path")
    taken = {operation["operationId"] for operation in _operations(first)}
    for operation in _operations(second):
        operation["operationId"] = _free(operation["operationId"], taken)
        taken.add(operation["operationId"])
    kinds = [*first["components"], *(kind for kind in second["components"] if kind not in first["components"])]
    components = {kind: {**_of(first, kind), **_of(second, kind)} for kind in kinds}
    tags = {tag["name"]: tag for tag in [*second["tags"], *first["tags"]]}
    names = dict.fromkeys(tag["name"] for tag in [*first["tags"], *second["tags"]])
    return {
        **first,
        "tags": [tags[name] for name in names],
        "paths": {**first["paths"], **second["paths"]},
        "components": components,
    }


def _new_names(first: Json, second: Json) -> dict[_Component, str]:
    """What components of the second document have to be called: they differ, or what they refer to does."""
    names: dict[_Component, str] = {}
    while found := [each for each in _components(second) if each not in names and _differs(first, second, each, names)]:
        for kind, name in found:
            if kind == _SCHEMES:
                raise ValueError(f"{name}: two documents have different security schemes of this name")
            names[kind, name] = _free(name, _of(first, kind).keys() | _of(second, kind).keys())
    return names


def _differs(first: Json, second: Json, component: _Component, names: Mapping[_Component, str]) -> bool:
    kind, name = component
    ours, theirs = _of(first, kind).get(name), second["components"][kind][name]
    return ours is not None and ours != _rewritten(theirs, names)


def _renamed(document: Json, names: Mapping[_Component, str]) -> Json:
    made: Json = _rewritten(document, names)
    made["components"] = {
        kind: {names.get((kind, name), name): component for name, component in found.items()}
        for kind, found in made["components"].items()
    }
    return made


def _rewritten(value: Any, names: Mapping[_Component, str]) -> Any:
    """A copy of a part of a document, whose references follow the names."""
    if isinstance(value, list):
        return [_rewritten(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _rewritten(each, names) for key, each in value.items()}
    found = _REFERENCE.fullmatch(made["$ref"]) if isinstance(made.get("$ref"), str) else None
    if found:
        kind, name = found.groups()
        made["$ref"] = f"#/components/{kind}/{names.get((kind, name), name)}"
    return made


def _components(document: Json) -> Iterator[_Component]:
    for kind, found in document["components"].items():
        for name in found:
            yield kind, name


def _of(document: Json, kind: str) -> Json:
    found: Json = document["components"].get(kind, {})
    return found


def _operations(document: Json) -> Iterator[Json]:
    for item in document["paths"].values():
        for place, found in item.items():
            if isinstance(found, list):
                yield from (each["operation"] for each in found)
            elif not place.startswith("x-"):
                yield found


def _shape(path: str) -> str:
    """The path without the names of its parameters, which do not tell paths apart."""
    return _HOLE.sub("{}", path)


def _free(name: str, taken: Any) -> str:
    if name not in taken:
        return name
    return next(each for number in count(2) if (each := f"{name}_{number}") not in taken)

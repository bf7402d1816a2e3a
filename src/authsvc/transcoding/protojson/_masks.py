"""FieldMask as text: paths in lowerCamelCase, joined by commas (ProtoJSON); `*` stands for all fields (AIP-134)."""

import re
from collections.abc import Iterable

from .._errors import Unreadable

MAX_PATHS = 1000

_JSON_NAME = r"(?:[a-z][A-Za-z0-9]*|\*)"
_JSON_PATHS = re.compile(rf"{_JSON_NAME}(?:[.,]{_JSON_NAME})*")
_UPPER = re.compile(r"[A-Z]")
# What comes back unchanged from lowerCamelCase: no upper case, and a letter after each underscore.
_PROTO_NAME = r"(?:[a-z](?:[a-z0-9]|_[a-z])*|\*)"
_REVERSIBLE = re.compile(rf"{_PROTO_NAME}(?:\.{_PROTO_NAME})*")
_UNDERSCORE = re.compile(r"_([a-z])")


def mask_text(paths: Iterable[str]) -> str:
    """Write the paths of a FieldMask.

    Raises:
        ValueError: a path would not come back as it is.

    """
    return ",".join([_camel(path) for path in paths])


def read_mask(value: object) -> list[str]:
    """Read the paths of a FieldMask.

    Raises:
        Unreadable: it is not a string of paths in lowerCamelCase, joined by commas.

    """
    if type(value) is str and not value:
        return []
    if type(value) is not str or not _JSON_PATHS.fullmatch(value):
        raise Unreadable("must be field names joined by commas")
    if value.count(",") >= MAX_PATHS:
        raise Unreadable(f"has more than {MAX_PATHS} paths")
    return [_UPPER.sub(lambda letter: f"_{letter[0].lower()}", path) for path in value.split(",")]


def _camel(path: str) -> str:
    if not _REVERSIBLE.fullmatch(path):
        raise ValueError("a path of the field mask has no JSON form")
    return _UNDERSCORE.sub(lambda found: found[1].upper(), path)

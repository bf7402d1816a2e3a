"""What the modules of this package hand to each other, and what they take from outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

# A JSON object. Any, because what is below a key depends on the key.
Json = dict[str, Any]


# An OpenAPI security requirement: the scopes that are needed, by scheme.
Requirement = Mapping[str, Sequence[str]]


def _nothing(method: MethodDescriptor) -> Sequence[Requirement]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How callers prove who they are.

    Attributes:
        schemes: OpenAPI security schemes by name.
        required: what a method asks for, as OpenAPI security requirements: one of them is enough, and none are needed
            where there are none.

    """

    schemes: Mapping[str, Json] = field(default_factory=dict)
    required: Callable[[MethodDescriptor], Sequence[Requirement]] = _nothing

"""What the modules of this package hand to each other, and what they take from outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

# A JSON object. Any, because what is below a key depends on the key.
Json = dict[str, Any]


def _nobody(method: MethodDescriptor) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How callers prove who they are.

    Attributes:
        schemes: OpenAPI security schemes by name.
        requirements: what a guarded method asks for, as OpenAPI security requirements: one of them is enough.
        needed: whether a method is guarded.

    """

    schemes: Mapping[str, Json] = field(default_factory=dict)
    requirements: Sequence[Mapping[str, Sequence[str]]] = ()
    needed: Callable[[MethodDescriptor], bool] = _nobody

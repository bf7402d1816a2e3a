"""The error tree: what can go wrong, without a word about transports.

An error is data: a kind, a stable id, and the key of its text in `authsvc.messages`. The pipeline translates
it once for every door. Causes and secrets never enter an error that a client sees.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

_LONGEST_ID = 200  # characters; ids that another system has given may be so long


class Kind(Enum):
    """What sort of failure it is; the doors' tables turn it into status codes."""

    INVALID_ARGUMENT = "invalid_argument"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    UNAVAILABLE = "unavailable"


class AuthsvcError(Exception):
    """A failure that the client may learn about.

    `id` is stable and may be empty (then the client sees the bare text and no details). `key` is a message key, and
    `parameters` are what its text names; `localized` says whether the text follows the caller's language.
    """

    kind: ClassVar[Kind]
    localized: ClassVar[bool] = True

    def __init__(self, key: str, id: str = "", **parameters: object) -> None:  # noqa: A002 - its name on the wire
        super().__init__(f"{key} ({id})" if id else key)
        self.key = key
        self.id = id
        self.parameters = parameters


class InvalidArgument(AuthsvcError):
    """A request field holds a value outside its documented range; `field` is its JSON path."""

    kind = Kind.INVALID_ARGUMENT

    def __init__(self, field: str, key: str, id: str, **parameters: object) -> None:  # noqa: A002
        super().__init__(key, id, field=field, **parameters)
        self.field = field


class Unauthenticated(AuthsvcError):
    """No usable credential. `token_sent` tells the challenge apart (RFC 6750, section 3.1)."""

    kind = Kind.UNAUTHENTICATED
    localized = False

    def __init__(self, key: str, id: str = "", *, token_sent: bool = False) -> None:  # noqa: A002
        super().__init__(key, id)
        self.token_sent = token_sent


class PermissionDenied(AuthsvcError):
    """The credential is good, but not for this."""

    kind = Kind.PERMISSION_DENIED
    localized = False


class InsufficientScope(PermissionDenied):
    """The token is good, but was not given the scope that this needs (RFC 6750, section 3.1)."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"The token does not have the scope {scope}", "AUTHSVC-SC001")
        self.scope = scope


class NotFound(AuthsvcError):
    """What was asked for does not exist, or not for this caller."""

    kind = Kind.NOT_FOUND


class EntityNotFound(NotFound):
    """What an id names does not exist: a `sort` of thing (`User`, `Session`) and the id as it was given.

    One that is longer than any of ours is cut, so that the error fits into headers.
    """

    localized = False

    def __init__(self, sort: str, entity_id: str) -> None:
        if len(entity_id) > _LONGEST_ID:
            entity_id = f"{entity_id[:_LONGEST_ID]}…"
        super().__init__(f"{sort} not found: '{entity_id}'.")
        self.sort = sort
        self.entity_id = entity_id


class InvalidParameter(AuthsvcError):
    """A parameter holds a value outside its documented range: its name, a stable code, and a sentence."""

    kind = Kind.INVALID_ARGUMENT
    localized = False

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(f"{field}: {sentence}")
        self.field = field
        self.code = code
        self.sentence = sentence


class Coded(AuthsvcError):
    """A refusal that programs tell from others by a code of a vocabulary, `domain`; `facts` go with it."""

    kind = Kind.INVALID_ARGUMENT
    localized = False
    domain: ClassVar[str] = "authsvc"

    def __init__(self, code: str, sentence: str, **facts: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.facts = facts


class OAuthRefused(Coded):
    """A refusal in the words of OAuth (RFC 6749, section 5.2)."""

    domain = "oauth"


class StepWanted(Coded):
    """What was shown is right, but more is wanted."""

    kind = Kind.PERMISSION_DENIED


class TooMany(AuthsvcError):
    """More than is allowed; the same call may succeed after `retry_after` seconds."""

    kind = Kind.RESOURCE_EXHAUSTED
    localized = False

    def __init__(self, key: str, retry_after: int = 1) -> None:
        super().__init__(key)
        self.retry_after = retry_after


class Unavailable(AuthsvcError):
    """The store does not answer; the same call may succeed later."""

    kind = Kind.UNAVAILABLE


class StartupError(Exception):
    """The service cannot start; the text is one sentence for the operator."""


class Refused(Exception):
    """An operator's command cannot be carried out as given; the text says why, for the operator.

    `located` texts begin with a file and a line, as editors like it.
    """

    located: ClassVar[bool] = False

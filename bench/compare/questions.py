"""What is asked: the three RPCs, as each door wants them, and whose tokens ask."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from zitadel import auth_pb2

from bench.generate import CROWDED, STEM

SERVICE = "zitadel.auth.v1.AuthService"
_PREFIX_LENGTH = 5


class HttpRequest(NamedTuple):
    """A request over HTTP/1.1 but for its token; `content_type` is empty where there is no body."""

    verb: str
    path: str
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Question:
    """A call of one RPC; `query` is the page of a list."""

    rpc: str
    verb: str
    path: str
    query: tuple[tuple[str, int], ...] = ()

    @property
    def full_name(self) -> str:
        """Service and RPC, as in the path of gRPC."""
        return f"{SERVICE}/{self.rpc}"

    def document(self) -> dict[str, Any]:
        """The request as JSON, where 64-bit numbers are texts."""
        return {"query": dict(self.query)} if self.query else {}

    def message(self) -> bytes:
        """The request as protobuf."""
        request = getattr(auth_pb2, f"{self.rpc}Request")()
        for name, number in self.query:
            setattr(request.query, name, number)
        encoded: bytes = request.SerializeToString()
        return encoded

    def as_json(self) -> HttpRequest:
        """The request over JSON."""
        if self.verb == "GET":
            return HttpRequest("GET", self.path, "", b"")
        return HttpRequest(self.verb, self.path, "application/json", json.dumps(self.document()).encode())

    def as_web(self) -> HttpRequest:
        """The request over gRPC-Web."""
        message = self.message()
        frame = len(message).to_bytes(_PREFIX_LENGTH, "big") + message
        return HttpRequest("POST", f"/{self.full_name}", "application/grpc-web+proto", frame)

    def as_connect(self) -> HttpRequest:
        """The request over the Connect protocol, as JSON."""
        return HttpRequest("POST", f"/{self.full_name}", "application/json", json.dumps(self.document()).encode())


GET_USER = Question("GetMyUser", "GET", "/auth/v1/users/me")
SESSIONS = Question("ListMyUserSessions", "POST", "/auth/v1/users/me/sessions/_search")
ALL_GRANTS = Question("ListMyUserGrants", "POST", "/auth/v1/usergrants/me/_search")


def grants(limit: int, offset: int = 0) -> Question:
    """One page of the caller's grants."""
    query = (("limit", limit), ("offset", offset)) if offset else (("limit", limit),)
    return Question(ALL_GRANTS.rpc, ALL_GRANTS.verb, ALL_GRANTS.path, query)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a generated database with numbers from `first` to `last`, and `step` users from one to the next.

    All begin with `stem`, and end with their number in six digits.
    """

    first: int
    last: int
    step: int = 1
    stem: str = STEM

    def token(self, number: int) -> str:
        """The token of that number."""
        return f"{self.stem}{number:06}"

    def numbers(self) -> range:
        """All of their numbers."""
        return range(self.first, self.last + 1)

    def user_id(self, number: int) -> int:
        """Whose token it is."""
        return (number - 1) * self.step + 1


def crowd(kind: str, size: int, ordinary: int) -> Tokens:
    """The one token of those who have so many `grants` or `sessions`, in a database with so many ordinary tokens."""
    places = [("grants", each) for each in CROWDED["grants"]] + [("sessions", each) for each in CROWDED["sessions"]]
    number = ordinary + 1 + places.index((kind, size))
    return Tokens(number, number)

"""Signed tokens in the compact form (RFC 7515, RFC 7519), read more strictly than the standards ask (RFC 8725)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
# Keys that a token brings along or wants fetched, and rules that it makes itself (RFC 8725, section 3.10).
_REFUSED = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})


class Unverified(NamedTuple):
    """What a token says of itself, which proves nothing: its algorithm, key and type, header and claims.

    `typ` is in lower case and without `application/` (RFC 7515, section 4.1.9), None if there is none.
    """

    algorithm: str
    kid: str
    typ: str | None
    header: dict[str, Any]
    claims: dict[str, Any]


def read(token: str) -> Unverified | None:
    """The parts of a signed token with an `alg` and a `kid`, before its signature is looked at; None if it is none."""
    match = _COMPACT.fullmatch(token)
    header = _object(match[1]) if match else None
    if match is None or header is None or _REFUSED & header.keys():
        return None
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not (isinstance(algorithm, str) and isinstance(kid, str) and kid and (typ is None or isinstance(typ, str))):
        return None
    claims = _object(match[2])
    if claims is None:
        return None
    return Unverified(algorithm, kid, None if typ is None else _media_type(typ), header, claims)


def is_signed(token: str, key: Key, algorithm: str) -> bool:
    """Whether a token that `read` has read is signed by this key with this algorithm, and no other."""
    try:
        jws.deserialize_compact(token, key, registry=Algorithm(algorithm))
    except (JoseError, ValueError):
        return False
    return True


class Algorithm(JWSRegistry):
    """One algorithm, whatever joserfc recommends: it warns of the name EdDSA, which clients know and its successor not.

    Header parameters that nobody knows are no mistake (RFC 7515, section 4).
    """

    def __init__(self, name: str) -> None:
        super().__init__(algorithms=[name], strict_check_header=False)
        self._name = name

    def get_alg(self, name: str) -> JWSAlgModel:
        """The algorithm, if `name` is its name."""
        found = self.algorithms.get(name)
        if found is None or name != self._name:
            raise UnsupportedAlgorithmError("another algorithm")
        return found


def _media_type(typ: str) -> str:
    return typ.lower().removeprefix("application/")


def _object(segment: str) -> dict[str, Any] | None:
    """The JSON object in base64url, None if it is anything else or has a name twice."""
    try:
        data = base64.b64decode(segment + "=" * (-len(segment) % 4), b"-_", validate=True)
        found = json.loads(data.decode(), object_pairs_hook=_pairs, parse_constant=_constant)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")

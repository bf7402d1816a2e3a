"""ID token hints: ID tokens that come back, old ones too (OIDC Core, 3.1.2.1; RP-Initiated Logout, 2)."""

from __future__ import annotations

from typing import NamedTuple

from authsvc.domain.ids import parse_id
from authsvc.oauth.id_token import TYPE
from authsvc.oauth.keyring import Keyring

_MAX_LENGTH = 8_192  # characters; ours have some 900


class Hint(NamedTuple):
    """What an ID token of ours says: the user, the session if there was one, and the client that got it."""

    user_id: int
    session_id: int | None
    client_id: str


class Hints:
    """Reads the ID tokens of one issuer."""

    def __init__(self, keyring: Keyring, issuer: str) -> None:
        self._keyring = keyring
        self._issuer = issuer

    async def read(self, token: str) -> Hint | None:
        """What the token says if it is one of ours, however old; else None."""
        claims = await self._keyring.verify(token, typ=TYPE) if len(token) <= _MAX_LENGTH else None
        if claims is None or claims.get("iss") != self._issuer:
            return None
        user_id, client_id = parse_id(str(claims.get("sub"))), claims.get("aud")
        if user_id is None or not isinstance(client_id, str):
            return None
        return Hint(user_id, parse_id(str(claims.get("sid"))), client_id)

"""Texts that only this service can read: JWE (RFC 7516), `dir` and A256GCM, with a key for each purpose (RFC 5869).

And hashes that only this service can make: HMAC (RFC 2104) with SHA-256, likewise.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from authsvc.errors import Refused
from authsvc.identity.keyfile import KeyFile, NoKey

_ALGORITHMS = ["dir", "A256GCM"]
_HEADER = {"alg": "dir", "enc": "A256GCM"}
# That header, and no encrypted key behind it: what else calls itself a JWE is not even looked at.
_BEGINNING = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.."
_KEY_BYTES = 32


class Sealing:
    """Seals texts with keys that follow from `key`, 32 random bytes: one for each purpose.

    What is sealed for one purpose cannot be opened for another, so nothing that is shown to a client can be brought
    back as something else.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._keys: dict[str, OctKey] = {}
        self._hash_keys: dict[str, bytes] = {}

    def seal(self, purpose: str, text: str) -> str:
        """`text` as a compact JWE, ASCII that fits into forms and URLs; never twice the same."""
        return jwe.encrypt_compact(_HEADER, text.encode(), self._key_for(purpose), _ALGORITHMS)

    def open(self, purpose: str, sealed: str) -> str | None:
        """What was sealed for this purpose; None if it was not, not with this key, or has been changed."""
        if not sealed.startswith(_BEGINNING):
            return None
        try:
            plain = jwe.decrypt_compact(sealed, self._key_for(purpose), _ALGORITHMS).plaintext
        except (JoseError, ValueError):
            return None
        return None if plain is None else plain.decode()

    def digest(self, purpose: str, text: str) -> bytes:
        """The keyed hash of a text that can be guessed: without the key nobody can try what it may have been."""
        if purpose not in self._hash_keys:
            self._hash_keys[purpose] = self._derived(f"digest {purpose}")
        return hmac.digest(self._hash_keys[purpose], text.encode(errors="surrogatepass"), hashlib.sha256)

    def _key_for(self, purpose: str) -> OctKey:
        if purpose not in self._keys:
            self._keys[purpose] = OctKey.import_key(self._derived(purpose))
        return self._keys[purpose]

    def _derived(self, info: str) -> bytes:
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info.encode()).derive(self._key)


class Sealed(Protocol):
    """Where sealed texts are kept."""

    async def sealed(self) -> list[tuple[str, str]]:
        """Samples of what is sealed, each a purpose and a text: one of each sort there is."""


async def open_sealing(file: KeyFile, store: Sealed) -> Sealing:
    """The sealing with the key in `file`, which is made if nothing has been sealed yet.

    Raises:
        Refused: the file cannot be used, or is missing or another one while the store holds what it sealed.
    """
    samples = await store.sealed()
    try:
        key = file.read()
    except NoKey as error:
        if samples:
            raise Refused(
                f"{error}, but the database holds what was sealed with it; bring it back, or, if it is lost for good, "
                "run `authsvc keys forget`"
            ) from None
        key = file.make()
    sealing = Sealing(key)
    if any(sealing.open(purpose, text) is None for purpose, text in samples):
        raise Refused(
            f"{file.setting}: {file.path} is not the key with which things in the database are sealed; bring that back"
        )
    return sealing

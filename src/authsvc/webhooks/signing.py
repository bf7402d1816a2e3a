"""The signature of a delivery, as WorkOS's SDKs check it."""

from __future__ import annotations

import hashlib
import hmac

from authsvc.domain.clock import MILLISECOND

HEADER = "WorkOS-Signature"


def signature(secret: str, body: bytes, at: int) -> str:
    """The value of `WorkOS-Signature` for a body sent at the time `at`, in microseconds.

    The SDKs part it at the comma and the space, and take a signature for three minutes.
    """
    time = str(at // MILLISECOND)
    digest = hmac.digest(secret.encode(), f"{time}.".encode() + body, hashlib.sha256)
    return f"t={time}, v1={digest.hex()}"

"""The secrets of webhooks, which are stored nowhere: a key file and the id of the webhook give them.

So a copy of the database alone is not enough to sign anything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from authsvc.domain.webhooks import Webhook
from authsvc.errors import Refused
from authsvc.identity.keyfile import KeyFile

_PREFIX = "whsec_"
_FINGERPRINT = 16  # hexadecimal digits


def secret_of(key: bytes, webhook_id: int) -> str:
    """The secret with which deliveries to a webhook are signed: `whsec_` and 43 characters of URL-safe base64."""
    digest = hmac.digest(key, b"webhook %d" % webhook_id, hashlib.sha256)
    return _PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def fingerprint(key: bytes) -> str:
    """What tells a key from others without giving it away: 16 hexadecimal digits."""
    return hmac.digest(key, b"webhook key", hashlib.sha256).hex()[:_FINGERPRINT]


def key_file(path: Path) -> KeyFile:
    """The file with the key of webhooks."""
    return KeyFile("webhook_key_file", path)


def key_of(path: Path, webhooks: Iterable[Webhook]) -> bytes:
    """The key in the file, from which the secrets of all these webhooks are made.

    Raises:
        NoKey: there is no such file.
        Refused: as `KeyFile.read` does, or it is another key, with which nothing must be signed.
    """
    key = key_file(path).read()
    found = fingerprint(key)
    if any(webhook.key_fingerprint != found for webhook in webhooks):
        raise Refused(
            f"webhook_key_file: {path} is not the key of the webhooks there are; bring that one back, or run "
            "`authsvc webhook rotate` for a new one and new secrets"
        )
    return key

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import subprocess
import sys
from pathlib import Path

import pytest

from authsvc.domain.webhooks import Webhook
from authsvc.errors import Refused
from authsvc.identity.keyfile import new_key
from authsvc.webhooks.keys import fingerprint, key_file, key_of, secret_of

KEY = bytes(range(32))


def test_the_secret_follows_from_key_and_id() -> None:
    """A secret is `whsec_` and the HMAC-SHA256 of the webhook's id by the key: anybody with both can reckon it."""
    digest = hmac.new(KEY, b"webhook 123", hashlib.sha256).digest()
    assert secret_of(KEY, 123) == f"whsec_{base64.urlsafe_b64encode(digest).decode()[:43]}"
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", secret_of(KEY, 2**63 - 1))


def test_every_webhook_and_every_key_gives_another_secret() -> None:
    """No two webhooks share a secret, and another key gives others."""
    assert len({secret_of(key, number) for key in (KEY, KEY[::-1]) for number in range(1, 100)}) == 198


def test_a_fingerprint_tells_keys_apart() -> None:
    """A fingerprint is 16 hexadecimal digits of an HMAC-SHA256 by the key, and no part of any secret."""
    assert fingerprint(KEY) == hmac.new(KEY, b"webhook key", hashlib.sha256).hexdigest()[:16]
    assert len({fingerprint(new_key()) for _ in range(100)}) == 100


def test_the_key_of_webhooks(tmp_path: Path) -> None:
    """A key is given for the webhooks whose secrets were made from it, and refused if one is another key's."""
    ours, other = (Webhook(1, "", "", 0, 0, 0, fingerprint(key)) for key in (KEY, KEY[::-1]))
    path = tmp_path / "webhooks.key"
    key_file(path).replace(KEY)
    assert key_of(path, []) == key_of(path, [ours, ours]) == KEY
    with pytest.raises(Refused, match=f"{path} is not the key of the webhooks there are; .*`authsvc webhook rotate`"):
        key_of(path, [ours, other])


def test_the_http_client_is_loaded_when_it_is_needed() -> None:
    """A worker that has nothing to send has not loaded the HTTP client."""
    code = "import sys; import authsvc.workers; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "authsvc.webhooks.dispatcher" in loaded
    assert not {"httpx2", "httpcore2", "authsvc.webhooks.sender"} & set(loaded)

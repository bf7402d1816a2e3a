from __future__ import annotations

import pytest

from authsvc.errors import Refused
from authsvc.webhooks.urls import checked_url

ASCII = "must be at most 2048 characters of ASCII without spaces"
HOST = "must name a host, for example https://example.com/hook"
SECRET = "must not hold a user name or password"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?a=b&c=%20",
        "HTTPS://Example.com:8443/",
        "https://xn--bcher-kva.example/",
        "https://back_end.example./",
        "https://192.0.2.1/",
        "https://[2001:db8::1]:8443/hook",
        "http://localhost:3000/hook",
        "http://127.0.0.1:3000/hook",
        "http://127.8.9.10/",
        "http://[::1]:3000/",
    ],
)
def test_good_addresses(url: str) -> None:
    """Any address by https will do, and by http those of this machine."""
    assert checked_url(url) == url


@pytest.mark.parametrize("url", ["http://back-end:3000/", "http://192.0.2.1/", "http://localhost.example/"])
def test_http_to_other_machines(url: str) -> None:
    """Http to another machine has to be asked for."""
    with pytest.raises(Refused, match="must be https, as events are about people; --insecure allows http"):
        checked_url(url)
    assert checked_url(url, insecure=True) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", ASCII),
        ("https://example.com/a b", ASCII),
        ("https://b\u00fccher.example/", ASCII),
        ("https://example.com/\nx: y", ASCII),
        ("https://example.com\\@evil.example/", ASCII),
        (f"https://example.com/{'a' * 2048}", ASCII),
        ("ftp://example.com/", "must begin with https:// or http://"),
        ("example.com/hook", "must begin with https:// or http://"),
        ("file:///etc/passwd", "must begin with https:// or http://"),
        ("https:///hook", HOST),
        ("https:hook", HOST),
        ("https://-a.example/", HOST),
        ("https://a..example/", HOST),
        ("https://a%00b.example/", HOST),
        ("https://user:word@example.com/", SECRET),
        ("https://token@example.com/", SECRET),
        ("https://@example.com/", SECRET),
        ("https://example.com/#top", "must not have a fragment, which is never sent"),
        ("https://example.com:0/", "is not a URL"),
        ("https://example.com:65536/", "is not a URL"),
        ("https://example.com:abc/", "is not a URL"),
        ("https://[::1/", "is not a URL"),
    ],
)
def test_bad_addresses(url: str, reason: str) -> None:
    """What is no address, or one that nothing may be sent to, is refused with the reason."""
    with pytest.raises(Refused) as caught:
        checked_url(url, insecure=True)
    assert str(caught.value) == f"--url: {reason}"

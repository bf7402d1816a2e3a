"""Redirect URIs: a corpus of tricks."""

from __future__ import annotations

import pytest

from authsvc.domain.redirects import is_allowed, is_redirect_uri

WEB = ("https://app.example/cb", "https://app.example/cb?tab=1", "http://127.0.0.1:8080/cb")
NATIVE = (
    "http://127.0.0.1/cb",
    "http://[::1]/cb",
    "http://localhost/cb",
    "com.example.app:/cb",
    "https://claimed.example/cb",
)

WEB_CORPUS = {
    "https://app.example/cb": True,
    "https://app.example/cb?tab=1": True,
    "http://127.0.0.1:8080/cb": True,
    "": False,
    "https://app.example/cb/": False,
    "https://app.example/cb#": False,
    "https://app.example/cb#fragment": False,
    "https://app.example/cb?": False,
    "https://app.example/cb?tab=2": False,
    "https://app.example/cb?tab=1&x=1": False,
    "https://app.example/cb/../evil": False,
    "https://app.example/cb/..;/evil": False,
    "https://app.example/cb%2f..": False,
    "https://app.example/cb%00": False,
    "https://app.example/CB": False,
    "https://APP.example/cb": False,
    "HTTPS://app.example/cb": False,
    "https://app.example:443/cb": False,
    "https://app.example./cb": False,
    "https://app.example": False,
    "https://app.example.evil.example/cb": False,
    "https://evil.example/https://app.example/cb": False,
    "https://evilapp.example/cb": False,
    "https://sub.app.example/cb": False,
    "https://app.example@evil.example/cb": False,
    "https://user:pass@app.example/cb": False,
    "https://app.example%40evil.example/cb": False,
    "https://evil.example\\@app.example/cb": False,
    "https://evil.example\\.app.example/cb": False,
    "https:\\\\app.example\\cb": False,
    "https:app.example/cb": False,
    "https:///app.example/cb": False,
    "https:/app.example/cb": False,
    "//app.example/cb": False,
    "/cb": False,
    "cb": False,
    "http://app.example/cb": False,
    " https://app.example/cb": False,
    "https://app.example/cb ": False,
    "https://app.example/cb\n": False,
    "https://app.example/cb\r\nX: y": False,
    "https://app.example/cb\t": False,
    "https://app.example/cb\x00": False,
    "https://\N{CYRILLIC SMALL LETTER A}pp.example/cb": False,
    "https://app.example/çb": False,
    "https://app.example/cb\nhttps://app.example/cb?tab=1": False,
    "https://*.example/cb": False,
    "http://127.0.0.1:8081/cb": False,
    "http://127.0.0.1/cb": False,
    "http://localhost:8080/cb": False,
    "javascript:alert(1)": False,
    "data:text/html,x": False,
}
NATIVE_CORPUS = {
    "http://127.0.0.1/cb": True,
    "http://127.0.0.1:1/cb": True,
    "http://127.0.0.1:49152/cb": True,
    "http://127.0.0.1:65535/cb": True,
    "http://[::1]:49152/cb": True,
    "http://localhost:49152/cb": True,
    "com.example.app:/cb": True,
    "https://claimed.example/cb": True,
    "http://127.0.0.1:0/cb": False,
    "http://127.0.0.1:65536/cb": False,
    "http://127.0.0.1:080/cb": False,
    "http://127.0.0.1:/cb": False,
    "http://127.0.0.1:+80/cb": False,
    "http://127.0.0.1:٨٠/cb": False,
    "http://127.0.0.1:80@evil.example/cb": False,
    "http://localhost:80@evil.example/cb": False,
    "http://localhost:80.evil.example/cb": False,
    "http://localhost.evil.example:80/cb": False,
    "http://127.0.0.1.evil.example/cb": False,
    "http://127.0.0.1:80/cb/..": False,
    "http://127.0.0.1:80/cb?x=1": False,
    "http://127.0.0.1:80/cb#x": False,
    "http://127.0.0.1:80/other": False,
    "http://127.0.0.1:80": False,
    "http://127.0.0.2:80/cb": False,
    "http://127.1:80/cb": False,
    "http://0.0.0.0:80/cb": False,
    "http://2130706433/cb": False,
    "http://[::2]:80/cb": False,
    "http://[::ffff:127.0.0.1]:80/cb": False,
    "http://LOCALHOST:80/cb": False,
    "https://127.0.0.1:80/cb": False,
    "https://claimed.example:8443/cb": False,
    "com.example.app:/cb/x": False,
    "com.example.app://cb": False,
    "com.example.apps:/cb": False,
}


def test_corpus_is_large_enough() -> None:
    """The corpus has at least fifty URIs for web clients alone."""
    assert len(WEB_CORPUS) >= 50


@pytest.mark.parametrize(("uri", "is_good"), WEB_CORPUS.items())
def test_web_clients_match_character_by_character(uri: str, *, is_good: bool) -> None:
    """People are sent only to exactly what a web client has registered, ports included."""
    assert is_allowed(uri, WEB, native=False) is is_good


@pytest.mark.parametrize(("uri", "is_good"), NATIVE_CORPUS.items())
def test_native_clients_choose_the_port_only(uri: str, *, is_good: bool) -> None:
    """On this machine's own addresses a native client may use any port, and nothing else may differ."""
    assert is_allowed(uri, NATIVE, native=True) is is_good


@pytest.mark.parametrize(
    "uri",
    [
        "https://user@app.example/cb",
        "https://app.example/cb#x",
        "http://app.example/cb",
        "javascript:alert(1)",
        "com.example.app:/cb",
        "urn:ietf:wg:oauth:2.0:oob",
        "https://app.example:65536/cb",
        "https://app.example:0/cb",
        "https:///cb",
        "https://[::1/cb",
    ],
)
def test_registered_nonsense_stays_refused(uri: str) -> None:
    """A URI that may not be registered is not allowed by having been registered all the same."""
    assert not is_redirect_uri(uri, native=False)
    assert not is_allowed(uri, [uri], native=False)


@pytest.mark.parametrize(
    ("uri", "native", "is_good"),
    [
        ("https://app.example", False, True),
        ("https://app.example:8443/cb?x=%20", False, True),
        ("https://[2001:db8::1]:8443/cb", False, True),
        ("http://localhost:3000/cb", False, True),
        ("com.example.app:/cb", True, True),
        ("com.example.app://host/cb", True, True),
        ("com.example.app://user@host/cb", True, False),
        ("app:/cb", True, False),
        ("javascript:alert(1)", True, False),
        ("mailto.:x", True, False),
    ],
)
def test_what_may_be_registered(uri: str, *, native: bool, is_good: bool) -> None:
    """Anywhere by https, on this machine by http, and only native clients have schemes of their own."""
    assert is_redirect_uri(uri, native=native) is is_good

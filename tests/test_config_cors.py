"""The settings that say which pages may call."""

from __future__ import annotations

from pathlib import Path

import pytest
from refusals import refusal, toml

from authsvc.config import load
from authsvc.doors.cors import Cors

WILDCARD = "has a wildcard, which is possible only as * alone"
UNUSUAL = "is not as browsers send it, scheme://host or scheme://host:port"
BLANK = "has a blank or a letter beyond ASCII, where browsers send punycode (xn--)"
SCHEME = "has no scheme, such as https://"
USER = "has a user name"
SLASH = "has a path, or a slash at its end"
CAPITALS = "has capital letters, where browsers send small ones"
DEFAULT_PORT = "has the default port, which browsers leave out"
NO_ORIGINS: list[tuple[str, str]] = [
    ("null", "is null, an origin that every page can give itself"),
    ("*.example.com", WILDCARD),
    ("https://*.example.com", WILDCARD),
    ("https://a.example:*", WILDCARD),
    ("https://a b.example", BLANK),
    ("https://b\u00fccher.example", BLANK),
    ("a.example", SCHEME),
    ("//a.example", SCHEME),
    ("https:a.example", SCHEME),
    ("localhost:3000", SCHEME),
    ("https://gigi@a.example", USER),
    ("https://gigi:secret@a.example", USER),
    ("https://a.example/", SLASH),
    ("https://a.example/app", SLASH),
    ("https://a.example?x", SLASH),
    ("https://a.example#x", SLASH),
    ("https://a.example\\\\x", SLASH),
    ("file:///", SLASH),
    ("https://A.example", CAPITALS),
    ("HTTPS://a.example", CAPITALS),
    ("http://[::A]", CAPITALS),
    ("https://a.example:443", DEFAULT_PORT),
    ("http://[::1]:80", DEFAULT_PORT),
    ("https://", UNUSUAL),
    ("file://", UNUSUAL),
    ("https://a..example", UNUSUAL),
    ("https://.example", UNUSUAL),
    ("https://a.example:", UNUSUAL),
    ("https://a.example:0", UNUSUAL),
    ("https://a.example:0443", UNUSUAL),
    ("https://a.example:65536", UNUSUAL),
    ("https://a.example:x", UNUSUAL),
    ("https://a.example;b", UNUSUAL),
    ("https://%61.example", UNUSUAL),
    ("1https://a.example", UNUSUAL),
    ("http://127.1", UNUSUAL),
    ("http://127.0.0.1.", UNUSUAL),
    ("http://127.0.0.01", UNUSUAL),
    ("http://0x7f000001", UNUSUAL),
    ("http://2130706433", UNUSUAL),
    ("http://1.2.3.4.5", UNUSUAL),
    ("http://[::1", UNUSUAL),
    ("http://[0:0:0:0:0:0:0:1]", UNUSUAL),
    ("http://[fe80::1%25eth0]", UNUSUAL),
    ("http://::1", UNUSUAL),
]


@pytest.mark.parametrize(("text", "mistake"), NO_ORIGINS)
def test_what_is_no_origin(tmp_path: Path, text: str, mistake: str) -> None:
    """What no browser sends as an origin, or every page may, stops the start; the sentence counts and explains it."""
    file = toml(tmp_path, f'cors_origins = ["https://b.example", "{text}"]\n')
    text = text.replace("\\\\", "\\")
    sentence = f"item 2 of cors_origins {mistake}"
    assert refusal({"cors_origins": f"https://b.example,{text}"}) == f"--cors-origins: {sentence}"
    variables = {"AUTHSVC_CORS_ORIGINS": f"https://b.example, {text}"}
    assert refusal(environment=variables) == f"AUTHSVC_CORS_ORIGINS: {sentence}"
    assert refusal(file=file) == f"{file}: cors_origins: {sentence}"


@pytest.mark.parametrize(("text", "number"), [("https://a.example,", 2), (",https://a.example", 1), (",", 1)])
def test_origins_that_are_missing(text: str, number: int) -> None:
    """A comma too many is a mistake, for an origin may have got lost."""
    assert refusal({"cors_origins": text}) == f"--cors-origins: item {number} of cors_origins is empty"


@pytest.mark.parametrize("text", ["*", "x y", "x:", "\u00e4", "x,", "(x)", "x\\r\\ny"])
def test_what_is_no_name_of_a_header(tmp_path: Path, text: str) -> None:
    """Neither is a wildcard, which would not cover `authorization`."""
    file = toml(tmp_path, f'cors_origins = "*"\ncors_headers = "x-a,{text}"\n')
    number = 3 if text == "x," else 2
    assert refusal(file=file) == f"{file}: cors_headers: item {number} of cors_headers is not the name of a header"


def test_policies_that_are_not_safe() -> None:
    """Credentials for everybody, and leave for nobody in particular, stop the start; the settings are named."""
    anybody = {"AUTHSVC_CORS_ORIGINS": "*"}
    expected = "cors_credentials needs a cors_origins that names each origin, not *"
    assert refusal({"cors_credentials": "true"}, anybody) == f"AUTHSVC_CORS_ORIGINS, --cors-credentials: {expected}"
    for name, value in (("cors_credentials", "true"), ("cors_headers", "x-a")):
        assert refusal({name: value}) == f"--{name.replace('_', '-')}: {name} needs cors_origins"
    named = {"cors_origins": "https://a.example", "cors_credentials": "true", "cors_headers": "x-a, X-B"}
    assert load(named, {}).cors() == Cors(("https://a.example",), credentials=True, headers=("x-a", "X-B"))
    assert load({"cors_headers": "x-a"}, anybody).cors() == Cors(("*",), headers=("x-a",))

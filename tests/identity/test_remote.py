from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from identity.other_issuer import Site

from authsvc.identity.remote import LARGEST, Remote
from authsvc.identity.source import NoAnswer


@pytest.fixture
def site() -> Iterator[Site]:
    """What is asked."""
    site = Site([])
    yield site
    site.close()


async def test_objects_are_got_and_posted(site: Site) -> None:
    """A form is sent with credentials that are percent-encoded (RFC 6749, section 2.3.1); an answer is an object."""
    remote = Remote()
    assert await remote.get(f"{site.url}/jwks") == {"keys": []}
    answer = await remote.post(f"{site.url}/introspect", {"token": "a&b"}, "api : 1", "s%cret ü")
    scheme, _, credentials = answer["authorization"].partition(" ")
    assert answer["form"] == {"token": ["a&b"]}
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"api+%3A+1:s%25cret+%C3%BC")
    await remote.close()


FAULTS = {
    "an error": (500, b"{}"),
    "a redirect": (302, b"{}"),
    "created": (201, b"{}"),
    "no JSON": (200, b"<html>"),
    "no text": (200, b"\xff"),
    "a list": (200, b"[]"),
    "nothing": (200, b""),
    "deep": (200, b"[" * 100_000),
    "too much": (200, b'{"active": true, "x": "' + b"x" * LARGEST + b'"}'),
    "refused": (401, b'{"error":"invalid_client"}'),
}


async def test_what_is_no_answer(site: Site) -> None:
    """Anything but a JSON object of a bounded size with status 200 is no answer; redirects are not followed."""
    remote = Remote()
    for raw in FAULTS.values():
        site.raw = raw
        with pytest.raises(NoAnswer) as caught:
            await remote.get(f"{site.url}/jwks")
        assert "x" * 100 not in str(caught.value)
    assert site.requests == ["/jwks"] * len(FAULTS)
    await remote.close()


async def test_who_does_not_answer(site: Site) -> None:
    """An address where nobody listens, one that answers too late, and one that is none, give no answer."""
    remote, hasty = Remote(), Remote(0.0)
    for source, url in ((remote, "http://127.0.0.1:9/"), (hasty, site.url), (remote, "nothing://x/")):
        with pytest.raises(NoAnswer):
            await source.get(url)
    await remote.close()
    await hasty.close()

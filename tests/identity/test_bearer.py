from __future__ import annotations

import re

import pytest

from authsvc.errors import InsufficientScope, Unauthenticated
from authsvc.identity.bearer import MAX_TOKEN_LENGTH, REALM, bearer_token, challenge, unusable_token

MISSING = ("auth header missing", "", False)
MALFORMED = ("invalid auth header", "AUTH-toLo1", False)
UNUSABLE = ("Errors.Token.Invalid", "AUTH-7fs1e", True)

GOOD = {
    "a word": ("Bearer abc", "abc"),
    "one character": ("Bearer a", "a"),
    "a token of ours": ("Bearer " + "aB3_-" * 8 + "xyz", "aB3_-" * 8 + "xyz"),
    "lower case": ("bearer abc", "abc"),
    "upper case": ("BEARER abc", "abc"),
    "mixed case": ("bEaReR abc", "abc"),
    "every character of the alphabet": ("Bearer aZ09-._~+/", "aZ09-._~+/"),
    "padding": ("Bearer abc==", "abc=="),
    "a lot of padding": ("Bearer a" + "=" * 50, "a" + "=" * 50),
    "the shape of a JWT": ("Bearer eyJh.eyJz.c2ln", "eyJh.eyJz.c2ln"),
    "case of the token is kept": ("bearer ABCabc", "ABCabc"),
    "one below the limit": ("Bearer " + "a" * (MAX_TOKEN_LENGTH - 1), "a" * (MAX_TOKEN_LENGTH - 1)),
    "the limit": ("Bearer " + "a" * MAX_TOKEN_LENGTH, "a" * MAX_TOKEN_LENGTH),
}

BAD = {
    "no header": ([], MISSING),
    "an empty header": ([""], MISSING),
    "two empty headers": (["", ""], MISSING),
    "two headers": (["Bearer abc", "Bearer abc"], MALFORMED),
    "two different headers": (["Bearer abc", "Bearer def"], MALFORMED),
    "a header and an empty one": (["Bearer abc", ""], MALFORMED),
    "an empty header and one": (["", "Bearer abc"], MALFORMED),
    "a header and another scheme": (["Bearer abc", "Basic eA=="], MALFORMED),
    "a space": ([" "], MALFORMED),
    "the scheme alone": (["Bearer"], MALFORMED),
    "the scheme with a colon": (["Bearer: abc"], MALFORMED),
    "the scheme with an equals sign": (["Bearer=abc"], MALFORMED),
    "no space": (["Bearerabc"], MALFORMED),
    "a tab for the space": (["Bearer\tabc"], MALFORMED),
    "a line feed for the space": (["Bearer\nabc"], MALFORMED),
    "a no-break space for the space": (["Bearer\u00a0abc"], MALFORMED),
    "a space before the scheme": ([" Bearer abc"], MALFORMED),
    "a token alone": (["abc"], MALFORMED),
    "Basic": (["Basic eA=="], MALFORMED),
    "DPoP": (["DPoP abc"], MALFORMED),
    "Token": (["Token abc"], MALFORMED),
    "text before the scheme": (["x Bearer abc"], MALFORMED),
    "quotes around everything": (['"Bearer abc"'], MALFORMED),
    "a dotless i and other letters that fold": (["\u0131Bearer abc"], MALFORMED),
    "a scheme that only looks like ours": (["B\u0435arer abc"], MALFORMED),
    "no token": (["Bearer "], UNUSABLE),
    "two spaces": (["Bearer  abc"], UNUSABLE),
    "a space after the token": (["Bearer abc "], UNUSABLE),
    "a tab before the token": (["Bearer \tabc"], UNUSABLE),
    "a tab after the token": (["Bearer abc\t"], UNUSABLE),
    "a line feed after the token": (["Bearer abc\n"], UNUSABLE),
    "a NUL": (["Bearer abc\0"], UNUSABLE),
    "two tokens": (["Bearer abc def"], UNUSABLE),
    "two tokens and a comma": (["Bearer abc, Bearer def"], UNUSABLE),
    "a comma": (["Bearer abc,def"], UNUSABLE),
    "a semicolon": (["Bearer abc;def"], UNUSABLE),
    "quotes": (['Bearer "abc"'], UNUSABLE),
    "a parameter": (['Bearer token="abc"'], UNUSABLE),
    "padding alone": (["Bearer =="], UNUSABLE),
    "padding in the middle": (["Bearer a=b"], UNUSABLE),
    "padding in front": (["Bearer =ab"], UNUSABLE),
    "a percent escape": (["Bearer a%20b"], UNUSABLE),
    "a non-ASCII letter": (["Bearer abc\u00e9"], UNUSABLE),
    "non-ASCII digits": (["Bearer \u0661\u0662\u0663"], UNUSABLE),
    "a full-width letter": (["Bearer \uff41bc"], UNUSABLE),
    "a header name": (["Bearer Bearer: abc"], UNUSABLE),
    "one above the limit": (["Bearer " + "a" * (MAX_TOKEN_LENGTH + 1)], UNUSABLE),
    "a megabyte": (["Bearer " + "a" * 2**20], UNUSABLE),
}


@pytest.mark.parametrize(("header", "token"), GOOD.values(), ids=GOOD.keys())
def test_header_with_a_token(header: str, token: str) -> None:
    """`Bearer`, in any case, one space and a token68 of at most 8 KiB give the token exactly as it was sent."""
    assert bearer_token([header]) == token


@pytest.mark.parametrize(("headers", "expected"), BAD.values(), ids=BAD.keys())
def test_header_without_one(headers: list[str], expected: tuple[str, str, bool]) -> None:
    """Every other shape is refused as missing, malformed or unusable, and nothing of it enters the error."""
    with pytest.raises(Unauthenticated) as caught:
        bearer_token(headers)
    error = caught.value
    assert (error.key, error.id, error.token_sent) == expected
    assert str(error) == (f"{error.key} ({error.id})" if error.id else error.key)
    assert error.__cause__ is None


_CHALLENGE = re.compile(
    r"""(?P<scheme>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\ (?P<parameters>
        [!#$%&'*+.^_`|~0-9A-Za-z-]+="[\ !\x23-\x5b\x5d-\x7e]*"
        (,\ [!#$%&'*+.^_`|~0-9A-Za-z-]+="[\ !\x23-\x5b\x5d-\x7e]*")*)""",
    re.VERBOSE,
)


def _parameters(text: str) -> dict[str, str]:
    match = _CHALLENGE.fullmatch(text)
    assert match, text
    assert match["scheme"] == "Bearer"
    pairs = [parameter.split("=", 1) for parameter in match["parameters"].split(", ")]
    assert len({name for name, _ in pairs}) == len(pairs)
    return {name: value[1:-1] for name, value in pairs}


@pytest.mark.parametrize(("headers", "expected"), BAD.values(), ids=BAD.keys())
def test_challenge_follows_the_grammar(headers: list[str], expected: tuple[str, str, bool]) -> None:
    """A challenge is `Bearer` with quoted parameters, and names an error only if a token was sent (RFC 6750, 3.1)."""
    with pytest.raises(Unauthenticated) as caught:
        bearer_token(headers)
    error = {"error": "invalid_token"} if expected[2] else {}
    assert _parameters(challenge(caught.value)) == {"realm": REALM} | error


def test_unusable_tokens_look_alike() -> None:
    """Two refusals of tokens have the same fields and texts."""
    first, second = unusable_token(), unusable_token()
    assert vars(first) == vars(second)
    assert challenge(first) == challenge(second)


def test_the_challenge_names_a_scope_that_lacks() -> None:
    """A good token that lacks a scope is answered with that scope (RFC 6750, section 3.1)."""
    told = {"realm": REALM, "error": "insufficient_scope", "scope": "openid"}
    assert _parameters(challenge(InsufficientScope("openid"))) == told

"""The kinds of values in a directory file: each is read from a text, and a wrong one says what would be right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from ipaddress import ip_address
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from authsvc.domain import account_page
from authsvc.domain.clients import SIGNING_ALGORITHMS, ClientState, GrantType
from authsvc.domain.grants import GrantState
from authsvc.domain.ids import parse_id
from authsvc.domain.orgs import OrgState
from authsvc.domain.registration import SHORT_NAMES, is_client_id
from authsvc.domain.sessions import AuthMethod, SessionState
from authsvc.domain.tokens import KEY_PREFIX, PERMISSIONS, Permission, is_key_name
from authsvc.domain.ulid import parse_public_id
from authsvc.domain.users import AccessTokenType, Gender, UserState, split_login_name

MAX_NAME = 200  # characters; the narrowest column for names
MAX_LINE = 2_000  # characters, of what others have written
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{1,48}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
# The string format of password hashes: $algorithm$parameters$salt$hash.
_PHC = re.compile(r"\$[a-z0-9-]{1,32}(\$[A-Za-z0-9+/.,=_:-]+)+")
_KEY_HASH = re.compile(r"sha256:[0-9a-fA-F]{64}")
# A compact JWE (RFC 7516) without an encrypted key: header, nothing, nonce, content, tag.
_SEALED = re.compile(r"[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Control characters, line and paragraph separators, and halves of characters.
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp", "Cs"})

_E = TypeVar("_E", bound=IntEnum)


def wrong(text: str) -> PydanticCustomError:
    """The error of a value for which `text` is the sentence."""
    return PydanticCustomError("mistake", "{text}", {"text": text})


def _from_text(parse: Callable[[str], object]) -> BeforeValidator:
    def validate(value: object) -> object:
        if not isinstance(value, str):
            raise wrong("must be a single value")
        return parse(value)

    return BeforeValidator(validate)


def _matching(pattern: re.Pattern[str], longest: int, rule: str) -> BeforeValidator:
    def parse(text: str) -> str:
        if len(text) > longest or not pattern.fullmatch(text):
            raise wrong(rule)
        return _printable(text)

    return _from_text(parse)


def _choice(kind: type[_E]) -> BeforeValidator:
    values = {member.name.lower(): member for member in kind}

    def parse(text: str) -> _E:
        if text not in values:
            raise wrong(f"must be one of {', '.join(values)}")
        return values[text]

    return _from_text(parse)


def _printable(text: str, *, but: str = "") -> str:
    if any(unicodedata.category(character) in _UNPRINTABLE and character not in but for character in text):
        raise wrong("holds a line break or another control character")
    return text


def _name(text: str) -> str:
    return _short(text, MAX_NAME)


def _line(text: str) -> str:
    return _short(text, MAX_LINE)


def _short(text: str, longest: int) -> str:
    if not text or text != text.strip():
        raise wrong("must not be empty, nor begin or end with a space")
    if len(text) > longest:
        raise wrong(f"is longer than {longest} characters")
    return _printable(text)


def _word(text: str) -> str:
    if re.search(r"\s", text):
        raise wrong("must not hold spaces")
    return _name(text)


def _prose(text: str) -> str:
    return _printable(text, but="\n\t")


def _id(text: str) -> int:
    number = parse_id(text)
    if number is None or text != str(number):
        raise wrong("must be a decimal number from 1 to 9223372036854775807")
    return number


def _user(text: str) -> int | str:
    if text.isascii() and text.isdecimal():
        return _id(text)
    if split_login_name(text) is None:
        raise wrong("must be a user's id or login name (login@domain)")
    return text


def _domain(text: str) -> str:
    name = text.lower()
    if len(name) > 253 or not _DOMAIN.fullmatch(name):  # noqa: PLR2004 - RFC 1035, section 2.3.4
        raise wrong("must be a domain name, such as example.com")
    return name


def _ip_address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise wrong("must be an IP address, such as 198.51.100.42 or 2001:db8::1") from None
    if "%" in text:
        raise wrong("must be an IP address without a zone")
    return str(address)


def _public_id(prefix: str) -> BeforeValidator:
    def parse(text: str) -> str:
        ulid = parse_public_id(prefix, text)
        if ulid is None:
            raise wrong(f"must be {prefix}_ and a ULID, such as {prefix}_01H945H0YD4F97JN9MATX7BYAG")
        return ulid.text

    return _from_text(parse)


def _key_name(text: str) -> str:
    if not is_key_name(_name(text)):
        raise wrong(f"must not be a number, nor begin with {KEY_PREFIX}")
    return text


def _key_hash(text: str) -> bytes:
    if not _KEY_HASH.fullmatch(text):
        raise wrong(
            "must be sha256: and the key's SHA-256 as 64 hexadecimal digits, never the key itself; "
            "`printf %s KEY | sha256sum` tells it"
        )
    return bytes.fromhex(text.removeprefix("sha256:"))


def _client_id(text: str) -> str:
    if not is_client_id(text):
        raise wrong("must have 1 to 200 visible ASCII characters")
    if text == account_page.CLIENT_ID:
        raise wrong("is that of the account page, a client that the server keeps itself")
    return text


def _client_secret_hash(text: str) -> bytes:
    if not _KEY_HASH.fullmatch(text):
        raise wrong(
            "must be sha256: and the secret's SHA-256 as 64 hexadecimal digits, never the secret itself; "
            "`printf %s SECRET | sha256sum` tells it"
        )
    return bytes.fromhex(text.removeprefix("sha256:"))


def _grant_type(text: str) -> GrantType:
    if text not in SHORT_NAMES:
        raise wrong(f"must be one of {', '.join(SHORT_NAMES)}")
    return SHORT_NAMES[text]


def _signing_algorithm(text: str) -> str:
    if text not in SIGNING_ALGORITHMS:
        raise wrong(f"must be one of {', '.join(SIGNING_ALGORITHMS)}")
    return text


def _permission(text: str) -> Permission:
    if text not in PERMISSIONS:
        raise wrong(f"must be one of {', '.join(Permission)}")
    return Permission(text)


class KeyState(IntEnum):
    """Whether an API key can be used."""

    ACTIVE = 1
    REVOKED = 2


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise wrong("must be true or false")
    return text == "true"


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise wrong("must be an http or https address")
    return _printable(text)


def _time(text: str) -> int:
    rule = "must be a time with its zone since 1970, such as 2025-03-05T21:29:21.303Z"
    if not _TIME.fullmatch(text):
        raise wrong(rule)
    try:
        microseconds = (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(microseconds=1)
    except ValueError:
        raise wrong("names a day or an hour that does not exist") from None
    if microseconds < 0:
        raise wrong(rule)
    return microseconds


def time_text(microseconds: int) -> str:
    """A time as the file has it, in UTC."""
    text = (_EPOCH + timedelta(microseconds=microseconds)).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}Z"


Id = Annotated[int, _from_text(_id)]
UserRef = Annotated[int | str, _from_text(_user)]
Name = Annotated[str, _from_text(_name)]
Line = Annotated[str, _from_text(_line)]
Word = Annotated[str, _from_text(_word)]
Prose = Annotated[str, _from_text(_prose)]
Domain = Annotated[str, _from_text(_domain)]
Flag = Annotated[bool, _from_text(_flag)]
Url = Annotated[str, _from_text(_url)]
Time = Annotated[int, _from_text(_time)]
Email = Annotated[str, _matching(_EMAIL, 254, "must be an e-mail address, such as gigi@example.com")]
Phone = Annotated[str, _matching(_PHONE, 50, "must be a telephone number, such as +41 71 000 00 00")]
Language = Annotated[str, _matching(_LANGUAGE, 35, "must be a language tag, such as en or de-CH")]
SecretHash = Annotated[
    str, _matching(_PHC, 1024, "must be the hash of a secret ($algorithm$...$hash), never the secret itself")
]
IpAddress = Annotated[str, _from_text(_ip_address)]
OrgPublicId = Annotated[str, _public_id("org")]
UserPublicId = Annotated[str, _public_id("user")]
SessionPublicId = Annotated[str, _public_id("session")]
Sealed = Annotated[
    str, _matching(_SEALED, 1024, "must be a sealed secret as `export` writes it, never the secret itself")
]
ClientId = Annotated[str, _from_text(_client_id)]
ClientSecretHash = Annotated[bytes, _from_text(_client_secret_hash)]
AnyGrantType = Annotated[GrantType, _from_text(_grant_type)]
AnySigningAlgorithm = Annotated[str, _from_text(_signing_algorithm)]
AnyClientState = Annotated[ClientState, _choice(ClientState)]
KeyName = Annotated[str, _from_text(_key_name)]
KeyHash = Annotated[bytes, _from_text(_key_hash)]
AnyPermission = Annotated[Permission, _from_text(_permission)]
AnyKeyState = Annotated[KeyState, _choice(KeyState)]
AnyAuthMethod = Annotated[AuthMethod, _choice(AuthMethod)]
AnyOrgState = Annotated[OrgState, _choice(OrgState)]
AnyUserState = Annotated[UserState, _choice(UserState)]
AnySessionState = Annotated[SessionState, _choice(SessionState)]
AnyGrantState = Annotated[GrantState, _choice(GrantState)]
AnyGender = Annotated[Gender, _choice(Gender)]
AnyTokenType = Annotated[AccessTokenType, _choice(AccessTokenType)]

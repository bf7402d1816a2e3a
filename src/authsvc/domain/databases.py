"""Where the data is: in a file of SQLite's, or at a PostgreSQL server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

_SCHEMES = frozenset({"postgresql", "postgres"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
# What of libpq's parameters may stand in the URL: TLS, a socket's folder, and which of several hosts is wanted.
_OPTIONS = frozenset({"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs"})
_TLS_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
EXAMPLE = "postgresql://user:password@host:port/name"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A database at a PostgreSQL server. What shows it, a log or a traceback, never shows the password."""

    hosts: str
    name: str
    user: str = ""
    password: str | None = field(default=None, repr=False)
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Postgres:
        """The database with this URL. Raises `ValueError`, which repeats nothing of the URL, if it is none."""
        try:
            parts = urlsplit(text)
            options = tuple(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError:
            raise ValueError(f"must be {EXAMPLE}") from None
        name = unquote(parts.path.removeprefix("/"))
        login, _, hosts = parts.netloc.rpartition("@")
        user, colon, password = login.partition(":")
        if not _is_one(parts, hosts, name, dict(options)):
            raise ValueError(f"must be {EXAMPLE}")
        for option, value in options:
            if option not in _OPTIONS:
                raise ValueError(f"has a parameter that is not one of {', '.join(sorted(_OPTIONS))}")
            if option == "sslmode" and value not in _TLS_MODES:
                raise ValueError(f"must have one of {', '.join(sorted(_TLS_MODES))} as sslmode")
        return cls(hosts, name, unquote(user), unquote(password) if colon else None, options)

    def dsn(self) -> str:
        """The URL without the password."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        options = f"?{urlencode(self.options, safe='/')}" if self.options else ""
        return f"postgresql://{user}{self.hosts}/{quote(self.name, safe='')}{options}"

    def __str__(self) -> str:
        return self.dsn()


Database: TypeAlias = Path | Postgres
"""A file of SQLite's, or a database at a PostgreSQL server."""


def is_postgres_url(text: str) -> bool:
    """Whether a text is meant to be the URL of a database at a PostgreSQL server."""
    return text.partition("://")[0] in _SCHEMES


def _is_one(parts: SplitResult, hosts: str, name: str, options: dict[str, str]) -> bool:
    has_host = all(map(_is_host, hosts.split(","))) if hosts else options.get("host", "").startswith("/")
    is_plain = not parts.fragment and parts.path.count("/") == 1 and "\0" not in unquote(parts.netloc + parts.path)
    return parts.scheme in _SCHEMES and bool(name) and has_host and is_plain


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and int((found[2] or ":0")[1:]) < 2**16

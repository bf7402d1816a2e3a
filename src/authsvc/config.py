"""Settings: from a TOML file, then the environment, then flags; the later one wins.

Every setting has one name: `listen` in the file, `AUTHSVC_LISTEN` in the environment, `--listen` on the command line.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Collection, Mapping
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from authsvc.domain import account_page
from authsvc.domain.authorizations import Terms
from authsvc.domain.clock import SECOND
from authsvc.domain.databases import EXAMPLE, Database, Postgres, is_postgres_url
from authsvc.domain.urls import DEFAULT_PORTS, parts_of
from authsvc.doors.cors import Cors, origin_mistake
from authsvc.doors.limits import Limits
from authsvc.errors import StartupError
from authsvc.issuers import Foreign, foreign_issuers, listed, secure_url

if TYPE_CHECKING:  # it brings a client for HTTP, which few commands need
    from authsvc.identity.foreign import TrustedIssuer

_PREFIX = "AUTHSVC_"
_FILE = "AUTHSVC_CONFIG"
# What Kubernetes puts into every container for a service that is named authsvc.
_INJECTED = re.compile(r"AUTHSVC_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\w+)")
_HOST = re.compile(r"[^\s\[\]]+")
_PORT = re.compile(r"[0-9]{1,5}")
_DATABASE_URL = re.compile(r"sqlite:///([^?#]+)")
_DEFAULT_DATABASE = Path("var/authsvc.db")
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - nothing is bound here
_DAY = 86_400
MOST_WORKERS = 256


ADDRESSES = ("listen", "grpc_listen", "metrics_listen")
"""The settings that are addresses to listen on, which are taken once."""


class Address(NamedTuple):
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: Any) -> Any:
    if isinstance(value, Address):
        return value
    host, _, port = str(value).rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not (_HOST.fullmatch(bare) and _PORT.fullmatch(port) and int(port) < 2**16):
        raise ValueError("must be HOST:PORT, for example 127.0.0.1:8080")
    if ":" in bare and bare == host:
        raise ValueError("must have an IPv6 host in brackets, for example [::1]:8080")
    return Address(bare, int(port))


def _database(value: Any) -> Any:
    if isinstance(value, Path | Postgres):
        return value
    if is_postgres_url(text := str(value)):
        return Postgres.parse(text)
    url = _DATABASE_URL.fullmatch(text)
    if not url or "\0" in (path := unquote(url[1])):
        raise ValueError(f"must be sqlite:///relative/path, sqlite:////absolute/path or {EXAMPLE}")
    return Path(path)


def _replica(value: Any) -> Any:
    if isinstance(value, Postgres) or not value:
        return value or None
    return Postgres.parse(str(value))


def _file(value: Any) -> Path:
    path = Path(str(value))
    if not path.is_file():
        raise ValueError("names a file that does not exist")
    return path


def _beside_the_database(name: str, values: dict[str, Any]) -> Path:
    database: Database = values["database_url"]
    return (database.parent if isinstance(database, Path) else _DEFAULT_DATABASE.parent) / name


def _cores() -> int:
    """The cores that this process may use, which in a container are often fewer than there are."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _off(value: Any) -> Any:
    return None if value == "off" else _address(value)


def _issuer(value: Any) -> str:
    text = str(value)
    if not text:
        return text
    parts = parts_of(text)
    if mistake := origin_mistake(text) if parts else "must be an address such as https://auth.example.com":
        raise ValueError(mistake)
    return secure_url(text)


def _networks(value: Any) -> Any:
    items = listed(value)
    try:
        return tuple(ip_network(str(item)) for item in items)
    except (TypeError, ValueError):
        raise ValueError("must be addresses or networks, for example 10.0.0.0/8, 2001:db8::1") from None


class Settings(BaseModel):
    """Everything an operator can set. Sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    listen: Annotated[Address, BeforeValidator(_address)] = Field(
        default=Address("127.0.0.1", 8080), description="HOST:PORT of the one address: gRPC, gRPC-Web and JSON"
    )
    grpc_listen: Annotated[Address | None, BeforeValidator(_off)] = Field(
        default=Address("127.0.0.1", 50051), description="HOST:PORT of grpcio's own server, or `off`"
    )
    metrics_listen: Annotated[Address | None, BeforeValidator(_off)] = Field(
        default=None, description="HOST:PORT where /metrics tells Prometheus how many calls are in flight, or `off`"
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=MOST_WORKERS,
        description="how many workers share each address; one for each core if not set",
    )
    database_url: Annotated[Database, BeforeValidator(_database)] = Field(
        default=_DEFAULT_DATABASE,
        description="the database, as sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=MODE",
    )
    database_replica_url: Annotated[Postgres | None, BeforeValidator(_replica)] = Field(
        default=None, description="a read replica of it, as postgresql://…, for what people are shown of themselves"
    )
    database_connections: int = Field(
        default=8, ge=1, le=1000, description="how many connections to PostgreSQL one worker holds at most"
    )
    database_prepared: bool = Field(
        default=True, description="keep statements prepared on PostgreSQL; off behind a pooler that does not keep them"
    )
    webhook_key_file: Path = Field(
        default_factory=partial(_beside_the_database, "webhooks.key"),
        description="file with the key from which the secrets of webhooks are made; `webhooks.key` beside the database "
        "file, or in `var`, if not set",
    )
    secret_key_file: Path = Field(
        default_factory=partial(_beside_the_database, "authsvc.key"),
        description="file with the key under which secrets in the database are sealed; `authsvc.key` beside the "
        "database file, or in `var`, if not set",
    )
    issuer: Annotated[str, BeforeValidator(_issuer)] = Field(
        default="", description="URL by which browsers and clients reach the one address; that of `listen` if not set"
    )
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)] = Field(
        default=(),
        description="addresses or networks of proxies whose X-Forwarded-For and Forwarded count, separated by commas",
    )
    access_token_life: int = Field(default=3600, ge=60, le=_DAY, description="how long an access token lasts")
    refresh_token_life: int = Field(
        default=30 * _DAY, ge=60, le=3650 * _DAY, description="how long a client can go on by refresh tokens"
    )
    refresh_token_idle: int = Field(
        default=7 * _DAY, ge=60, le=3650 * _DAY, description="how long a refresh token may rest"
    )
    session_life: int = Field(
        default=30 * _DAY, ge=60, le=3650 * _DAY, description="how long somebody stays signed in in a browser"
    )
    session_idle: int = Field(
        default=7 * _DAY, ge=60, le=3650 * _DAY, description="how long a session may see no activity"
    )
    trusted_issuers: Annotated[tuple[Foreign, ...], BeforeValidator(foreign_issuers)] = Field(
        default=(), description="other issuers whose tokens are accepted: tables in the file, elsewhere a JSON text"
    )
    tls_cert: Annotated[Path, BeforeValidator(_file)] | None = Field(
        default=None, description="PEM file with the certificate chain; turns TLS on"
    )
    tls_key: Annotated[Path, BeforeValidator(_file)] | None = Field(
        default=None, description="PEM file with the private key of tls_cert"
    )
    http: Literal["zttp", "httptools"] = Field(
        default="zttp", description="HTTP engine; httptools speaks HTTP/1.1 only: no native gRPC on the one address"
    )
    reflection: bool = Field(default=True, description="serve gRPC reflection")
    docs: bool = Field(default=True, description="serve /openapi.json and /docs, a page to try the JSON API")
    account: bool = Field(
        default=True, description="serve /account, the page where people see who they are and switch accounts"
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        default=(), description="origins whose pages may call, separated by commas, or `*` for all"
    )
    cors_credentials: bool = Field(default=False, description="let those pages have the browser send cookies too")
    cors_headers: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        default=(), description="request headers that those pages may send beside the usual ones, separated by commas"
    )
    call_timeout: float = Field(
        default=10.0, gt=0, le=3600, description="how long a unary call may take, also if its client allows more"
    )
    max_message_bytes: int = Field(
        default=256 * 1024, ge=1024, le=2**26, description="largest request message, also after decompression"
    )
    max_metadata_bytes: int = Field(
        default=16 * 1024, ge=1024, le=2**14, description="largest metadata or headers of a request"
    )
    max_headers: int = Field(default=64, ge=16, le=1000, description="how many headers a request may have")
    max_url_bytes: int = Field(default=4096, ge=256, le=2**14, description="longest path and query of a request")
    max_calls: int = Field(
        default=1000,
        ge=1,
        le=10**6,
        description="calls at once in one worker, of each kind: of people, of API keys, without a caller",
    )
    api_key_rate: float = Field(
        default=0.0,
        ge=0,
        le=10**6,
        description="calls a second for which one API key may be used at one worker; 0 sets no limit",
    )
    max_streams: int = Field(default=100, ge=1, le=128, description="calls at once on one HTTP/2 connection")
    max_connections: int = Field(default=4096, ge=1, le=10**6, description="connections at once to one worker")
    head_timeout: float = Field(
        default=10.0,
        ge=0.1,
        le=3600,
        description="how long the head of an HTTP/1.1 request, or a TLS handshake, may take to arrive",
    )
    body_timeout: float = Field(
        default=30.0, ge=0.1, le=3600, description="how long the body of an HTTP/1.1 request may take to arrive"
    )
    stall_timeout: float = Field(
        default=30.0,
        ge=0.1,
        le=3600,
        description="how long a client may take less than 1 KiB a second of what waits for it",
    )
    idle_timeout: float = Field(default=60.0, ge=0.1, le=86400, description="how long a connection may rest")
    connection_age: float = Field(
        default=1800.0, ge=0.1, le=10**7, description="age at which a connection is retired, give or take a tenth"
    )
    drain_delay: float = Field(
        default=0.0, ge=0, le=3600, description="how long to go on serving after SIGTERM while health says NOT_SERVING"
    )
    drain_timeout: float = Field(
        default=20.0,
        gt=0,
        le=3600,
        description="how long calls may take to finish after SIGTERM, or when their connection is retired",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="lowest level that is logged"
    )

    def limits(self) -> Limits:
        """What a client may send and hold at most."""
        return Limits(
            message=self.max_message_bytes,
            metadata=self.max_metadata_bytes,
            headers=self.max_headers,
            target=self.max_url_bytes,
            streams=self.max_streams,
            head=self.head_timeout,
            body=self.body_timeout,
            stall=self.stall_timeout,
            idle=self.idle_timeout,
            age=self.connection_age,
            grace=self.drain_timeout,
            connections=self.max_connections,
        )

    @property
    def account_page(self) -> str:
        """The path of the account page, empty if it is not served; the settings must have an issuer."""
        return account_page.PATH if self.account and account_page.is_possible(self.issuer) else ""

    def worker_count(self) -> int:
        """How many workers share each address."""
        return self.workers or min(_cores(), MOST_WORKERS)

    def cors(self) -> Cors:
        """Which pages of other origins may call. Raises `ValueError` for a policy that is not safe."""
        return Cors(self.cors_origins, self.cors_credentials, self.cors_headers)

    def at(self, address: Address) -> Settings:
        """These settings with an issuer: where it is not set, the one address itself, which listens at `address`."""
        if self.issuer:
            return self
        host = "localhost" if address.host in _WILDCARDS else address.host
        scheme = "https" if self.tls_cert else "http"
        shown = Address(host, address.port)
        is_default = address.port == DEFAULT_PORTS[scheme]
        origin = str(shown).rpartition(":")[0] if is_default else str(shown)
        return self.model_copy(update={"issuer": f"{scheme}://{origin}"})

    def terms(self) -> Terms:
        """Who issues tokens and how long things last, for the rules, which count in microseconds."""
        return Terms(
            self.issuer,
            access_life=self.access_token_life * SECOND,
            refresh_life=self.refresh_token_life * SECOND,
            refresh_idle=self.refresh_token_idle * SECOND,
            session_life=self.session_life * SECOND,
            session_idle=self.session_idle * SECOND,
        )

    def issuers(self) -> tuple[TrustedIssuer, ...]:
        """The other issuers whose tokens are accepted."""
        from authsvc.identity.foreign import TrustedIssuer  # noqa: PLC0415 - see above

        return tuple(TrustedIssuer(**each.model_dump()) for each in self.trusted_issuers)

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        self.cors()
        if self.database_replica_url and isinstance(self.database_url, Path):
            raise ValueError("database_replica_url needs database_url to be postgresql://…")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key must be set together")
        for one, other in combinations(ADDRESSES, 2):
            address = getattr(self, one)
            if address and address.port and address == getattr(self, other):
                raise ValueError(f"{one} and {other} must not be the same address")
        if self.tls_cert and self.tls_key:
            _check_pair(self.tls_cert, self.tls_key)
        return self


def _check_pair(cert: Path, key: Path) -> None:
    """Raise `ValueError` if TLS cannot be served with these files."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")  # not to be asked for one
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"tls_cert and tls_key cannot be used: {getattr(error, 'reason', None) or error}") from None


def load(
    flags: Mapping[str, str],
    environment: Mapping[str, str],
    file: Path | None = None,
    only: Collection[str] = Settings.model_fields.keys(),
) -> Settings:
    """The settings. `flags` holds those given on the command line, by name.

    The others than `only` keep their defaults: whoever works on the database need not be able to read the TLS key.

    Raises:
        StartupError: a setting is unknown, has a bad value, or contradicts another; the sentence names it and where it
            was set.
    """
    if file is None and environment.get(_FILE):
        file = Path(environment[_FILE])
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, found in (
        *_from_file(file),
        *((_env_name(name), (name, value)) for name, value in _from_environment(environment).items()),
        *((f"--{name.replace('_', '-')}", (name, value)) for name, value in flags.items()),
    ):
        name, value = found
        if name not in Settings.model_fields:
            raise StartupError(f"{source}: there is no such setting")
        if name in only:
            values[name], sources[name] = value, source
    return _settings(values, sources)


def _settings(values: dict[str, Any], sources: dict[str, str]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        # A contradiction has no place of its own, but names the settings between which it is.
        names = first["loc"][:1] or [name for name in sources if name in message.split()]
        raise StartupError(f"{', '.join(sources[str(name)] for name in names)}: {message}") from None


def _env_name(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in sorted(environment.items())
        if name.startswith(_PREFIX) and name != _FILE and not _injected(name, value)
    }


def _injected(name: str, value: str) -> bool:
    """Whether a variable is one that Kubernetes sets for a service named authsvc, and no setting of anybody's."""
    return bool(_INJECTED.fullmatch(name)) or (name == "AUTHSVC_PORT" and value.startswith("tcp://"))


def _from_file(file: Path | None) -> list[tuple[str, tuple[str, Any]]]:
    if file is None:
        return []
    import tomllib  # noqa: PLC0415 - few have a file, and everybody waits for what is imported

    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise StartupError(f"{file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartupError(f"{file}: not a TOML file: {error}") from None
    return [(f"{file}: {name}", (name, value)) for name, value in found.items()]

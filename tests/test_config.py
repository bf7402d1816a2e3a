from __future__ import annotations

import re
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
from refusals import refusal, toml

from authsvc.config import Address, Settings, load
from authsvc.domain.databases import Postgres
from authsvc.doors.limits import Limits
from authsvc.errors import StartupError

ADDRESS = "must be HOST:PORT, for example 127.0.0.1:8080"
BRACKETS = "must have an IPv6 host in brackets, for example [::1]:8080"
PARAMETERS = (
    "has a parameter that is not one of host, port, sslcert, sslkey, sslmode, sslrootcert, target_session_attrs"
)
POSTGRES = "must be postgresql://user:password@host:port/name"
DATABASE = "must be sqlite:///relative/path, sqlite:////absolute/path or postgresql://user:password@host:port/name"
BOOLEAN = "input should be a valid boolean, unable to interpret input"
INTEGER = "input should be a valid integer, unable to parse string as an integer"
NUMBER = "input should be a valid number, unable to parse string as a number"
NO_FILE = "names a file that does not exist"
NO_ISSUER = "must be an address such as https://auth.example.com"
NOT_SECURE = "must be an https address; http is only for localhost and loopback addresses"
NO_NETWORK = "must be addresses or networks, for example 10.0.0.0/8, 2001:db8::1"
NO_ISSUERS = "must be a list of tables, or a JSON text of one"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate and its key."""
    folder = tmp_path_factory.mktemp("tls")
    leaf = trustme.CA().issue_cert("localhost")
    leaf.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_defaults() -> None:
    """Without any source every setting has the value that the contract of the command line promises."""
    assert load({}, {}).model_dump() == {
        "listen": ("127.0.0.1", 8080),
        "grpc_listen": ("127.0.0.1", 50051),
        "metrics_listen": None,
        "workers": None,
        "database_url": Path("var/authsvc.db"),
        "database_replica_url": None,
        "database_connections": 8,
        "database_prepared": True,
        "tls_cert": None,
        "tls_key": None,
        "webhook_key_file": Path("var/webhooks.key"),
        "secret_key_file": Path("var/authsvc.key"),
        "issuer": "",
        "trusted_proxies": (),
        "access_token_life": 3600,
        "refresh_token_life": 2_592_000,
        "refresh_token_idle": 604_800,
        "session_life": 2_592_000,
        "session_idle": 604_800,
        "trusted_issuers": (),
        "http": "zttp",
        "reflection": True,
        "docs": True,
        "account": True,
        "cors_origins": (),
        "cors_credentials": False,
        "cors_headers": (),
        "call_timeout": 10.0,
        "max_message_bytes": 262_144,
        "max_metadata_bytes": 16_384,
        "max_headers": 64,
        "max_url_bytes": 4096,
        "max_calls": 1000,
        "api_key_rate": 0.0,
        "max_streams": 100,
        "max_connections": 4096,
        "head_timeout": 10.0,
        "body_timeout": 30.0,
        "stall_timeout": 30.0,
        "idle_timeout": 60.0,
        "connection_age": 1800.0,
        "drain_delay": 0.0,
        "drain_timeout": 20.0,
        "log_level": "info",
    }


TWO = ("http://a.example:443", "tauri://localhost")
PUNYCODE = "https://xn--bcher-kva.example."
PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::1"))
GOOD: list[tuple[str, str, object, object]] = [
    ("listen", "0.0.0.0:0", '"0.0.0.0:0"', Address("0.0.0.0", 0)),
    ("listen", "localhost:65535", '"localhost:65535"', Address("localhost", 65_535)),
    ("listen", "[::1]:8080", '"[::1]:8080"', Address("::1", 8080)),
    ("listen", "[::]:0", '"[::]:0"', Address("::", 0)),
    ("listen", "[fe80::1%eth0]:1", '"[fe80::1%eth0]:1"', Address("fe80::1%eth0", 1)),
    ("grpc_listen", "off", '"off"', None),
    ("metrics_listen", "off", '"off"', None),
    ("metrics_listen", "0.0.0.0:9090", '"0.0.0.0:9090"', Address("0.0.0.0", 9090)),
    ("grpc_listen", "a.example:1", '"a.example:1"', Address("a.example", 1)),
    ("database_url", "sqlite:///var/x.db", '"sqlite:///var/x.db"', Path("var/x.db")),
    ("database_url", "sqlite:////var/x.db", '"sqlite:////var/x.db"', Path("/var/x.db")),
    ("database_url", "sqlite:///a%20b%3F%23.db", '"sqlite:///a%20b%3F%23.db"', Path("a b?#.db")),
    ("database_url", "postgresql://u:p@h:1/n", '"postgresql://u:p@h:1/n"', Postgres("h:1", "n", "u", "p")),
    ("database_replica_url", "", '""', None),
    ("database_connections", "3", "3", 3),
    ("database_prepared", "false", "false", False),
    ("issuer", "", '""', ""),
    ("issuer", "https://auth.example.com", '"https://auth.example.com"', "https://auth.example.com"),
    ("issuer", "https://auth.example.com:8443", '"https://auth.example.com:8443"', "https://auth.example.com:8443"),
    ("issuer", "http://localhost:8080", '"http://localhost:8080"', "http://localhost:8080"),
    ("issuer", "http://zoo.localhost", '"http://zoo.localhost"', "http://zoo.localhost"),
    ("issuer", "http://[::1]:8080", '"http://[::1]:8080"', "http://[::1]:8080"),
    ("secret_key_file", "/etc/a.key", '"/etc/a.key"', Path("/etc/a.key")),
    ("trusted_proxies", "", "[]", ()),
    ("trusted_proxies", "10.0.0.0/8, 2001:db8::1", '["10.0.0.0/8", "2001:db8::1"]', PROXIES),
    ("access_token_life", "60", "60", 60),
    ("session_life", "315360000", "315360000", 315_360_000),
    ("trusted_issuers", "", "[]", ()),
    ("trusted_issuers", "[]", '"[]"', ()),
    ("http", "httptools", '"httptools"', "httptools"),
    ("reflection", "false", "false", False),
    ("reflection", "0", '"no"', False),
    ("cors_origins", "", "[]", ()),
    ("cors_origins", " ", '""', ()),
    ("cors_origins", "*", '"*"', ("*",)),
    ("cors_origins", "https://a.example", '["https://a.example"]', ("https://a.example",)),
    ("cors_origins", "http://a.example:443 , tauri://localhost", '"http://a.example:443,tauri://localhost"', TWO),
    ("cors_origins", "http://127.0.0.1:3000", '"http://127.0.0.1:3000"', ("http://127.0.0.1:3000",)),
    ("cors_origins", "http://[::1]:65535", '"http://[::1]:65535"', ("http://[::1]:65535",)),
    ("cors_origins", "https://xn--bcher-kva.example.", '"https://xn--bcher-kva.example."', (PUNYCODE,)),
    ("cors_credentials", "no", "false", False),
    ("cors_headers", "", "[]", ()),
    ("call_timeout", "0.5", "0.5", 0.5),
    ("call_timeout", "3600", "3600", 3600.0),
    ("max_message_bytes", "1024", "1024", 1024),
    ("max_message_bytes", "67108864", "67108864", 2**26),
    ("max_metadata_bytes", "16384", "16384", 2**14),
    ("api_key_rate", "0", "0", 0.0),
    ("api_key_rate", "0.5", "0.5", 0.5),
    ("drain_delay", "0", "0", 0.0),
    ("drain_timeout", "0.1", "0.1", 0.1),
    ("log_level", "debug", '"debug"', "debug"),
]


@pytest.mark.parametrize(("name", "text", "literal", "expected"), GOOD)
def test_every_source_means_the_same(tmp_path: Path, name: str, text: str, literal: str, expected: object) -> None:
    """A setting has the same meaning in the file, in the environment and on the command line."""
    file = toml(tmp_path, f"{name} = {literal}\n")
    variable = f"AUTHSVC_{name.upper()}"
    for settings in (load({name: text}, {}), load({}, {variable: text}), load({}, {}, file)):
        assert getattr(settings, name) == expected
    assert load({}, {"AUTHSVC_CONFIG": str(file)}) == load({}, {}, file)


def test_the_later_source_wins(tmp_path: Path) -> None:
    """Flags win over the environment, which wins over the file, setting by setting."""
    file = toml(tmp_path, 'http = "httptools"\nlog_level = "error"\ndrain_delay = 1\n')
    environment = {"AUTHSVC_LOG_LEVEL": "warning", "AUTHSVC_DRAIN_DELAY": "2", "PATH": "/bin", "AUTHSVC": "x"}
    settings = load({"drain_delay": "3"}, environment, file)
    assert (settings.http, settings.log_level, settings.drain_delay) == ("httptools", "warning", 3.0)


def test_the_flag_for_the_file_wins(tmp_path: Path) -> None:
    """The file given on the command line is read instead of the one in the environment; an empty name is none."""
    file = toml(tmp_path, "drain_delay = 7\n")
    missing = str(tmp_path / "missing.toml")
    assert load({}, {"AUTHSVC_CONFIG": missing}, file).drain_delay == 7.0
    assert load({}, {"AUTHSVC_CONFIG": ""}).drain_delay == 0.0
    assert refusal(environment={"AUTHSVC_CONFIG": missing}) == f"{missing}: No such file or directory"


BAD: list[tuple[str, str, str]] = [
    ("listen", "", ADDRESS),
    ("listen", "8080", ADDRESS),
    ("listen", ":8080", ADDRESS),
    ("listen", "localhost", ADDRESS),
    ("listen", "localhost:", ADDRESS),
    ("listen", "localhost:http", ADDRESS),
    ("listen", "localhost:-1", ADDRESS),
    ("listen", "localhost:+1", ADDRESS),
    ("listen", "localhost:65536", ADDRESS),
    ("listen", "localhost:" + "9" * 5_000, ADDRESS),
    ("listen", "localhost:80 ", ADDRESS),
    ("listen", "localhost: 80", ADDRESS),
    ("listen", "local host:80", ADDRESS),
    ("listen", "localhost:\u0668\u0660", ADDRESS),
    ("listen", "[]:80", ADDRESS),
    ("listen", "[::1:80", ADDRESS),
    ("listen", "::1]:80", ADDRESS),
    ("listen", "[[::1]]:80", ADDRESS),
    ("listen", "[::1]", ADDRESS),
    ("listen", "::1:80", BRACKETS),
    ("listen", "http://localhost:80", BRACKETS),
    ("listen", "off", ADDRESS),
    ("grpc_listen", "", ADDRESS),
    ("grpc_listen", "OFF", ADDRESS),
    ("grpc_listen", "::1:80", BRACKETS),
    ("database_url", "", DATABASE),
    ("database_url", "var/authsvc.db", DATABASE),
    ("database_url", "sqlite:", DATABASE),
    ("database_url", "sqlite:///", DATABASE),
    ("database_url", "sqlite://var/authsvc.db", DATABASE),
    ("database_url", "sqlite://host/authsvc.db", DATABASE),
    ("database_url", "sqlite:///a.db?mode=ro", DATABASE),
    ("database_url", "sqlite:///a.db#b", DATABASE),
    ("database_url", "sqlite:///a%00b", DATABASE),
    ("database_url", "postgresql://u:p@localhost", POSTGRES),
    ("database_url", "postgresql://u:p@localhost/x?connect_timeout=3", PARAMETERS),
    ("database_replica_url", "sqlite:///a.db", POSTGRES),
    ("database_connections", "0", "input should be greater than or equal to 1"),
    ("database_prepared", "perhaps", BOOLEAN),
    ("database_url", "SQLITE:///a.db", DATABASE),
    ("issuer", "auth.example.com", NO_ISSUER),
    ("issuer", "ftp://auth.example.com", NO_ISSUER),
    ("issuer", "https://gigi:secret@auth.example.com", NO_ISSUER),
    ("issuer", "https://auth.example.com/", "has a path, or a slash at its end"),
    ("issuer", "https://auth.example.com/tenant", "has a path, or a slash at its end"),
    ("issuer", "https://auth.example.com?x", "has a path, or a slash at its end"),
    ("issuer", "https://auth.example.com#x", "has a path, or a slash at its end"),
    ("issuer", "https://Auth.example.com", "has capital letters, where browsers send small ones"),
    ("issuer", "https://auth.example.com:443", "has the default port, which browsers leave out"),
    ("issuer", "http://auth.example.com", NOT_SECURE),
    ("issuer", "http://10.0.0.1:8080", NOT_SECURE),
    ("issuer", "http://localhost.example.com", NOT_SECURE),
    ("trusted_proxies", "proxy.example.com", NO_NETWORK),
    ("trusted_proxies", "10.0.0.1/8", NO_NETWORK),
    ("trusted_proxies", "10.0.0.0/8,", NO_NETWORK),
    ("access_token_life", "59", "input should be greater than or equal to 60"),
    ("access_token_life", "86401", "input should be less than or equal to 86400"),
    ("session_idle", "7d", INTEGER),
    ("refresh_token_life", "315360001", "input should be less than or equal to 315360000"),
    ("trusted_issuers", "https://a.example", NO_ISSUERS),
    ("tls_cert", "/nowhere/cert.pem", NO_FILE),
    ("tls_cert", "", NO_FILE),
    ("tls_key", "/nowhere/key.pem", NO_FILE),
    ("http", "h2", "input should be 'zttp' or 'httptools'"),
    ("http", "", "input should be 'zttp' or 'httptools'"),
    ("reflection", "perhaps", BOOLEAN),
    ("reflection", "", BOOLEAN),
    ("cors_credentials", "yep", BOOLEAN),
    ("call_timeout", "0", "input should be greater than 0"),
    ("call_timeout", "-1", "input should be greater than 0"),
    ("call_timeout", "nan", "input should be less than or equal to 3600"),
    ("call_timeout", "inf", "input should be less than or equal to 3600"),
    ("call_timeout", "3601", "input should be less than or equal to 3600"),
    ("call_timeout", "10s", NUMBER),
    ("max_message_bytes", "1023", "input should be greater than or equal to 1024"),
    ("max_message_bytes", "67108865", "input should be less than or equal to 67108864"),
    ("max_message_bytes", "1e6", INTEGER),
    ("max_message_bytes", "256k", INTEGER),
    ("max_metadata_bytes", "1023", "input should be greater than or equal to 1024"),
    ("max_metadata_bytes", "16385", "input should be less than or equal to 16384"),
    *(
        (name, "0.09", "input should be greater than or equal to 0.1")
        for name in ("head_timeout", "body_timeout", "stall_timeout", "idle_timeout", "connection_age")
    ),
    ("api_key_rate", "-1", "input should be greater than or equal to 0"),
    ("api_key_rate", "nan", "input should be less than or equal to 1000000"),
    ("api_key_rate", "inf", "input should be less than or equal to 1000000"),
    ("api_key_rate", "100/s", NUMBER),
    ("drain_delay", "-0.1", "input should be greater than or equal to 0"),
    ("drain_delay", "3601", "input should be less than or equal to 3600"),
    ("drain_timeout", "0", "input should be greater than 0"),
    ("drain_timeout", "", NUMBER),
    ("log_level", "INFO", "input should be 'debug', 'info', 'warning' or 'error'"),
    ("log_level", "trace", "input should be 'debug', 'info', 'warning' or 'error'"),
]


@pytest.mark.parametrize(("name", "text", "sentence"), BAD)
def test_bad_values(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    """A bad value is refused in one sentence that begins with where it was set, and does not repeat the value."""
    file = toml(tmp_path, f'{name} = "{text}"\n')
    assert refusal({name: text}) == f"--{name.replace('_', '-')}: {sentence}"
    assert refusal(environment={f"AUTHSVC_{name.upper()}": text}) == f"AUTHSVC_{name.upper()}: {sentence}"
    assert refusal(file=file) == f"{file}: {name}: {sentence}"


TYPES: list[tuple[str, str, str]] = [
    ("cors_origins", "1", "input should be a valid tuple"),
    ("cors_origins", "[1]", "input should be a valid string"),
    ("cors_origins", "[[]]", "input should be a valid string"),
    ("cors_origins", "true", "input should be a valid tuple"),
    ("cors_headers", "{ a = 1 }", "input should be a valid tuple"),
    ("listen", "8080", ADDRESS),
    ("listen", '["127.0.0.1", 8080]', ADDRESS),
    ("listen", "07:32:00", BRACKETS),
    ("grpc_listen", "false", ADDRESS),
    ("database_url", "1", DATABASE),
    ("database_url", "{ a = 1 }", DATABASE),
    ("issuer", "8080", NO_ISSUER),
    ("trusted_proxies", "1", NO_NETWORK),
    ("trusted_proxies", "{ a = 1 }", NO_NETWORK),
    ("trusted_issuers", "1", NO_ISSUERS),
    ("trusted_issuers", "{ issuer = 1 }", NO_ISSUERS),
    ("trusted_issuers", "[1]", NO_ISSUERS),
    ("tls_cert", "1", NO_FILE),
    ("call_timeout", "[]", "input should be a valid number"),
    ("max_message_bytes", "1024.5", "input should be a valid integer, got a number with a fractional part"),
    ("log_level", "1", "input should be 'debug', 'info', 'warning' or 'error'"),
]


@pytest.mark.parametrize(("name", "literal", "sentence"), TYPES)
def test_bad_types_in_the_file(tmp_path: Path, name: str, literal: str, sentence: str) -> None:
    """A value of another type than the setting's is refused in the same way."""
    file = toml(tmp_path, f"{name} = {literal}\n")
    assert refusal(file=file) == f"{file}: {name}: {sentence}"


def test_unknown_names(tmp_path: Path) -> None:
    """A setting that does not exist is named with where it was set, wherever that was."""
    file = toml(tmp_path, "listn = 1\n")
    assert refusal({"listn": "1"}) == "--listn: there is no such setting"
    assert refusal(environment={"AUTHSVC_LISTN": "1"}) == "AUTHSVC_LISTN: there is no such setting"
    assert refusal(environment={"AUTHSVC_": "1"}) == "AUTHSVC_: there is no such setting"
    assert refusal(file=file) == f"{file}: listn: there is no such setting"
    section = toml(tmp_path, '[server]\nlisten = "x"\n')
    assert refusal(file=section) == f"{section}: server: there is no such setting"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is missing, a folder, or not TOML in UTF-8 is named."""
    missing = tmp_path / "missing.toml"
    assert refusal(file=missing) == f"{missing}: No such file or directory"
    assert refusal(file=tmp_path) == f"{tmp_path}: Is a directory"
    broken = toml(tmp_path, "listen = \n")
    assert refusal(file=broken).startswith(f"{broken}: not a TOML file: Invalid value (at line 1")
    twice = toml(tmp_path, "drain_delay = 1\ndrain_delay = 2\n")
    assert refusal(file=twice).startswith(f"{twice}: not a TOML file: Cannot overwrite a value")
    (tmp_path / "latin.toml").write_bytes(b'http = "\xff"\n')
    assert refusal(file=tmp_path / "latin.toml").startswith(
        f"{tmp_path / 'latin.toml'}: not a TOML file: 'utf-8' codec"
    )


TOGETHER = "tls_cert and tls_key must be set together"
SAME = "listen and grpc_listen must not be the same address"


def test_contradictions(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Settings that contradict each other are both named, with where they were set."""
    cert, key = pair
    assert refusal({"tls_cert": cert}) == f"--tls-cert: {TOGETHER}"
    assert refusal(environment={"AUTHSVC_TLS_KEY": key}) == f"AUTHSVC_TLS_KEY: {TOGETHER}"
    file = toml(tmp_path, f'tls_cert = "{cert}"\n')
    assert refusal(file=file) == f"{file}: tls_cert: {TOGETHER}"
    same = {"AUTHSVC_LISTEN": "127.0.0.1:9000"}
    assert refusal({"grpc_listen": "127.0.0.1:9000"}, same) == f"AUTHSVC_LISTEN, --grpc-listen: {SAME}"
    assert refusal({"listen": "127.0.0.1:50051"}) == f"--listen: {SAME}"
    assert refusal({"grpc_listen": "127.0.0.1:8080"}) == f"--grpc-listen: {SAME}"
    for name in ("listen", "grpc_listen"):
        told = f"--metrics-listen: {name} and metrics_listen must not be the same address"
        assert refusal({"metrics_listen": str(getattr(Settings(), name))}) == told


def test_no_contradictions(pair: tuple[str, str]) -> None:
    """Free ports never meet, and the same port on two hosts is two addresses."""
    cert, key = pair
    load({"listen": "127.0.0.1:0", "grpc_listen": "127.0.0.1:0"}, {})
    load({"listen": "127.0.0.1:9000", "grpc_listen": "127.0.0.2:9000"}, {})
    settings = load({"tls_cert": cert}, {"AUTHSVC_TLS_KEY": key})
    assert (str(settings.tls_cert), str(settings.tls_key)) == pair


def test_files_that_make_no_pair(tmp_path: Path, pair: tuple[str, str]) -> None:
    """Files that are no certificate with its key are refused, both sources named, and no password is asked for."""
    cert, key = pair
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(str(other))
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    locked = tmp_path / "locked.pem"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n")
    for chosen_cert, chosen_key in ((cert, other), (junk, key), (cert, junk), (key, cert), (cert, locked)):
        sentence = refusal({"tls_key": str(chosen_key)}, {"AUTHSVC_TLS_CERT": str(chosen_cert)})
        assert re.match(r"AUTHSVC_TLS_CERT, --tls-key: tls_cert and tls_key cannot be used: .", sentence)


def test_settings_that_are_not_asked_for() -> None:
    """A command that needs one setting does not stumble over the value of another, but over an unknown name."""
    settings = load({}, {"AUTHSVC_TLS_CERT": "/nowhere", "AUTHSVC_LOG_LEVEL": "error"}, only=["log_level"])
    assert (settings.log_level, settings.tls_cert) == ("error", None)
    with pytest.raises(StartupError, match="AUTHSVC_NONSENSE: there is no such setting"):
        load({}, {"AUTHSVC_NONSENSE": "1"}, only=["log_level"])


@pytest.mark.parametrize(
    ("name", "value", "ignored"),
    [
        ("AUTHSVC_SERVICE_HOST", "10.0.0.1", True),
        ("AUTHSVC_SERVICE_PORT", "8080", True),
        ("AUTHSVC_SERVICE_PORT_GRPC", "8080", True),
        ("AUTHSVC_PORT", "tcp://10.0.0.1:8080", True),
        ("AUTHSVC_PORT_8080_TCP_ADDR", "10.0.0.1", True),
        ("AUTHSVC_PORT", "8080", False),
        ("AUTHSVC_SERVICE", "x", False),
    ],
)
def test_what_kubernetes_sets(name: str, value: str, ignored: bool) -> None:  # noqa: FBT001
    """The variables that Kubernetes makes of a service named authsvc are no settings, and no mistakes."""
    if ignored:
        assert load({}, {name: value}) == Settings()
    else:
        assert refusal(environment={name: value}) == f"{name}: there is no such setting"


def test_settings_do_not_change() -> None:
    """Settings stay as they were loaded."""
    settings: Any = load({}, {})
    with pytest.raises(Exception, match="frozen"):
        settings.http = "httptools"


@pytest.mark.parametrize(
    ("address", "text"),
    [(Address("::1", 1), "[::1]:1"), (Address("localhost", 0), "localhost:0"), (Address("1.2.3.4", 5), "1.2.3.4:5")],
)
def test_addresses_as_text(address: Address, text: str) -> None:
    """An address is written as it is read."""
    assert str(address) == text
    assert load({"listen": text}, {}).listen == address


def test_the_defaults_of_the_limits_are_those_of_the_doors() -> None:
    """What the settings say by default is what `Limits` says, and every limit can be set."""
    assert load({}, {}).limits() == Limits()
    changed = load(
        {
            "max_message_bytes": "2000",
            "max_metadata_bytes": "2001",
            "max_headers": "20",
            "max_url_bytes": "300",
            "max_streams": "5",
            "head_timeout": "1",
            "body_timeout": "2",
            "stall_timeout": "3",
            "idle_timeout": "4",
            "connection_age": "5",
            "max_connections": "6",
            "drain_timeout": "7",
        },
        {},
    ).limits()
    assert not [field for field in fields(Limits) if getattr(changed, field.name) == getattr(Limits(), field.name)]


def test_key_files_are_beside_the_database() -> None:
    """Unless set, the key files are in the folder of the database's file; where it has none, in `var`."""
    for url, folder in (("sqlite:////srv/a.db", "/srv"), ("postgresql://u:p@h/n", "var")):
        settings = load({"database_url": url}, {})
        keys = (settings.secret_key_file, settings.webhook_key_file)
        assert keys == (Path(folder, "authsvc.key"), Path(folder, "webhooks.key"))


def test_a_replica_is_one_of_postgresql() -> None:
    """A file of SQLite's has no replica."""
    flags = {"database_replica_url": "postgresql://u:S3cret@h/n"}
    assert refusal(flags) == "--database-replica-url: database_replica_url needs database_url to be postgresql://…"
    settings = load({**flags, "database_url": "postgresql://u:S3cret@p/n"}, {})
    assert "S3cret" not in f"{settings!r} {settings}"

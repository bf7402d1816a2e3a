from __future__ import annotations

from traceback import format_exception

import pytest

from authsvc.domain.databases import Postgres, is_postgres_url

WHOLE = "postgresql://us%40er:p%2Fa%3Ass@db.example:6432/na%20me?sslmode=verify-full&sslrootcert=/etc/ca.pem"


def test_parts() -> None:
    """A URL gives its parts, with what is escaped in it as itself."""
    database = Postgres.parse(WHOLE)
    assert (database.hosts, database.name) == ("db.example:6432", "na me")
    assert (database.user, database.password) == ("us@er", "p/a:ss")
    assert database.options == (("sslmode", "verify-full"), ("sslrootcert", "/etc/ca.pem"))


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql://h/n", None),
        ("postgres://u@h/n", None),
        ("postgresql://u:@h/n", ""),
        ("postgresql://u:a@b@h/n", "a@b"),
        ("postgresql://u:p@[::1]:5432/n", "p"),
        ("postgresql://u:p@a.example:5432,b.example/n?target_session_attrs=read-write", "p"),
        ("postgresql:///n?host=/run/postgresql&port=5433", None),
        ("postgresql://127.0.0.1:5432/n?sslmode=require", None),
    ],
)
def test_urls(url: str, password: str | None) -> None:
    """Hosts, several of them, a socket's folder and the absence of a user are as libpq has them."""
    database = Postgres.parse(url)
    assert is_postgres_url(url)
    assert (database.name, database.password) == ("n", password)
    assert Postgres.parse(database.dsn()) == Postgres(database.hosts, "n", database.user, None, database.options)


def test_without_its_password() -> None:
    """Whatever shows the database shows all but its password."""
    database = Postgres.parse(WHOLE)
    shown = "postgresql://us%40er@db.example:6432/na%20me?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    assert str(database) == f"{database}" == database.dsn() == shown
    assert not any(text in repr(database) for text in ("p/a:ss", "p%2Fa%3Ass"))
    assert Postgres.parse(WHOLE.replace("p%2Fa%3Ass", "other")) != database


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("postgresql://", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h/", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql:///n", "must be postgresql://user:password@host:port/name"),
        ("postgresql:///n?host=h", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h:x/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h:65536/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h,/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@[::1/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h/n/m", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3/cret@h/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3#cret@h/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3?cret@h/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h/n%00", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h/n#x", "must be postgresql://user:password@host:port/name"),
        ("mysql://u:S3cret@h/n", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h/n?sslmode", "must be postgresql://user:password@host:port/name"),
        ("postgresql://u:S3cret@h/n?sslmode=S3cret", "must have one of allow, disable, "),
        ("postgresql://u@h/n?password=S3cret", "has a parameter that is not one of host, port, "),
    ],
)
def test_what_is_no_url(url: str, sentence: str) -> None:
    """What cannot be a URL is refused in a sentence that repeats nothing of it, in no part of a traceback."""
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")) as caught:
        Postgres.parse(url)
    told = format_exception(caught.value)
    assert "S3" not in f"{caught.value!r}{caught.value.__cause__}{told[-1]}"

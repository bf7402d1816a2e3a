from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.clock import SECOND, now
from authsvc.domain.ids import MAX_ID, IdSource, parse_id
from authsvc.domain.paging import MAX_LIMIT, Page, page
from authsvc.domain.tokens import new_token, token_hash
from authsvc.domain.users import login_name, split_login_name
from authsvc.errors import InvalidArgument

NOW = 1_732_226_400_000_000
YEAR = 365 * 86_400 * SECOND


@given(st.lists(st.integers(0, NOW + 40 * YEAR), min_size=1, max_size=60))
def test_ids_grow_whatever_the_clock_does(times: list[int]) -> None:
    """Ids of one source grow strictly, also while the clock stands, goes back, or is before 2020."""
    clock = iter(times)
    source = IdSource(lambda: next(clock), node=1)
    ids = [source.next() for _ in times]
    assert ids == sorted(set(ids))
    assert all(0 < made <= MAX_ID for made in ids)


def test_more_ids_than_a_millisecond_holds() -> None:
    """A standing clock gives more ids than fit into a millisecond, still unique, growing and of the same node."""
    source = IdSource(lambda: NOW, node=1_023)
    ids = [source.next() for _ in range(3 * 4_096)]
    assert ids == sorted(set(ids))
    assert {made >> 12 & 1_023 for made in ids} == {1_023}
    assert (ids[-1] >> 22) - (ids[0] >> 22) == 2


@given(st.integers(NOW, NOW + 60 * YEAR), st.integers(1_000, YEAR), st.integers(0, 1_023), st.integers(0, 1_023))
def test_ids_follow_the_time(at: int, later: int, first: int, second: int) -> None:
    """An id made at least a millisecond later is greater, whichever process made it."""
    assert IdSource(lambda: at, first).next() < IdSource(lambda: at + later, second).next() <= MAX_ID


def test_ids_of_different_nodes_do_not_meet() -> None:
    """Sources with different nodes make different ids at the same moment; a source picks its node at random."""
    sources = [IdSource(lambda: NOW, node) for node in range(1_024)]
    assert len({source.next() for source in sources for _ in range(4)}) == 4_096
    assert len({IdSource(lambda: NOW).next() for _ in range(50)}) > 25


def test_the_layout_of_an_id() -> None:
    """An id is milliseconds since 2020, the node and a count, from the top, and fits 63 bits until 2089."""
    at_2020 = 1_577_836_800 * SECOND
    assert IdSource(lambda: at_2020 + 5_000, 7).next() == 5 << 22 | 7 << 12
    last = at_2020 + (2**41 - 1) * 1_000
    assert IdSource(lambda: last, 1_023).next() <= MAX_ID


IDS = {
    "1": 1,
    "42": 42,
    "007": 7,
    "69629023906488334": 69629023906488334,
    str(MAX_ID): MAX_ID,
    "0000000000000000001": 1,
    str(MAX_ID + 1): None,
    "9999999999999999999": None,
    "00000000000000000001": None,
    "9" * 5_000: None,
    "0": None,
    "": None,
    "-1": None,
    "+1": None,
    " 1": None,
    "1 ": None,
    "1\n": None,
    "1_000": None,
    "1.0": None,
    "1e3": None,
    "0x1f": None,
    "\u0661\u0662": None,
    "\u00b2": None,
    "\uff11": None,
    "one": None,
    "1;DROP TABLE users": None,
}


@pytest.mark.parametrize(("text", "expected"), IDS.items())
def test_parse_id(text: str, expected: int | None) -> None:
    """An id is one to nineteen plain ASCII digits from 1 to 2^63 - 1, and nothing else."""
    assert parse_id(text) == expected


@given(st.integers(1, MAX_ID))
def test_ids_survive_their_text(number: int) -> None:
    """Every id is read back from its decimal text."""
    assert parse_id(str(number)) == number


@given(st.text())
def test_parse_id_never_fails(text: str) -> None:
    """Any text is an id within range or none; no text is an error."""
    found = parse_id(text)
    assert found is None or 0 < found <= MAX_ID


def test_tokens_are_long_random_words() -> None:
    """A token has 43 characters of the URL-safe alphabet, never comes twice, and never begins with a dash."""
    tokens = [new_token() for _ in range(2_000)]
    assert len(set(tokens)) == 2_000
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{42}", token) for token in tokens)
    assert {character for token in tokens for character in token} >= set("-_09azAZ")


def test_hash_of_a_token() -> None:
    """The store keeps the SHA-256 of a token's bytes, and a token in other letters is another token."""
    assert token_hash("abc") == hashlib.sha256(b"abc").digest()
    assert len({token_hash(token) for token in ("abc", "ABC", "abc ", "ab", "abc=")}) == 5


PAGES = {
    "nothing asked": ((0, 0, False), Page(0, 1_000, ascending=False)),
    "one": ((0, 1, False), Page(0, 1, ascending=False)),
    "ascending": ((0, 5, True), Page(0, 5, ascending=True)),
    "the largest limit": ((7, MAX_LIMIT, False), Page(7, 1_000, ascending=False)),
    "an offset": ((3, 0, True), Page(3, 1_000, ascending=True)),
    "the largest offset of a database": ((2**63 - 1, 1, False), Page(2**63 - 1, 1, ascending=False)),
    "beyond it": ((2**63, 1, False), Page(2**63 - 1, 1, ascending=False)),
    "the largest offset of the contract": ((2**64 - 1, 1, False), Page(2**63 - 1, 1, ascending=False)),
}


@pytest.mark.parametrize(("asked", "expected"), PAGES.values(), ids=PAGES.keys())
def test_page(asked: tuple[int, int, bool], expected: Page) -> None:
    """No limit means 1000, and an offset past what a database counts is as good as the end."""
    offset, limit, ascending = asked
    assert page(offset, limit, ascending=ascending) == expected


@pytest.mark.parametrize("limit", [1_001, 5_000, 2**32 - 1])
def test_page_too_large(limit: int) -> None:
    """A limit above 1000 is refused, and the error names the field."""
    with pytest.raises(InvalidArgument) as caught:
        page(0, limit, ascending=True)
    error = caught.value
    assert (error.field, error.key, error.id) == ("query.limit", "Errors.Limit.ExceedsMaximum", "AUTHSVC-L1m1t")


_LOGINS = st.text(min_size=1)
_DOMAINS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z0-9]{1,5}){0,3}", fullmatch=True)


@given(_LOGINS, _DOMAINS)
def test_login_names_split_where_they_were_joined(login: str, domain: str) -> None:
    """A login name gives back its login, even one with @ in it, and its domain."""
    assert split_login_name(login_name(login, domain)) == (login, domain)


LOGIN_NAMES = {
    "gigi@zitadel.com": ("gigi", "zitadel.com"),
    "Gigi@ZITADEL.com": ("Gigi", "zitadel.com"),
    "gigi@home@zitadel.com": ("gigi@home", "zitadel.com"),
    "@@x": ("@", "x"),
    "gigi": None,
    "gigi@": None,
    "@zitadel.com": None,
    "@": None,
    "": None,
}


@pytest.mark.parametrize(("name", "expected"), LOGIN_NAMES.items())
def test_split_login_name(name: str, expected: tuple[str, str] | None) -> None:
    """The last @ divides; the domain is folded to lower case, the login is not; either being empty makes it none."""
    assert split_login_name(name) == expected


@pytest.mark.parametrize("domain", [None, ""])
def test_no_domain_no_login_name(domain: str | None) -> None:
    """While an organization has no domain, its users have no login name."""
    assert login_name("gigi", domain) == ""


def test_the_clock_counts_microseconds() -> None:
    """Time is whole microseconds since 1970 and does not stand still."""
    first = now()
    assert isinstance(first, int)
    assert NOW < first <= now() < NOW + 100 * YEAR

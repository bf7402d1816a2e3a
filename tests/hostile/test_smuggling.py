"""Requests whose end is in doubt: refused, and nothing behind them is taken for a request."""

from __future__ import annotations

import pytest
from hostile.corpus import ANSWERED, REFUSED, SMUGGLED
from hostile.http1 import answered
from hostile.site import Site

# What httptools reads generously although nothing is in doubt: it is served, and so is what follows.
_TOLERATED = {"two blanks", "another protocol"}
# What the standard lets a server refuse, and httptools does.
_REFUSED_BY_HTTPTOOLS = {"the same length twice"}


def test_the_corpus_is_large() -> None:
    """There are at least forty requests to refuse."""
    assert len(REFUSED) >= 40


@pytest.mark.parametrize("name", REFUSED)
def test_a_doubtful_request_is_refused(either: Site, name: str) -> None:
    """The answer is one error, the connection is closed, and what follows is not served."""
    found, closed = answered(either.address, REFUSED[name] + SMUGGLED, enough=2)
    statuses = [response.status for response in found]
    if either.engine == "httptools" and name in _TOLERATED:
        assert statuses in ([200], [200, 200])
        return
    assert statuses in ([400], [501], [505])
    assert closed


@pytest.mark.parametrize("name", ANSWERED)
def test_an_odd_request_is_answered(either: Site, name: str) -> None:
    """What the standard allows is served, and so is the request behind it."""
    data, statuses = ANSWERED[name]
    found, _ = answered(either.address, data, enough=len(statuses))
    expected = [400] if either.engine == "httptools" and name in _REFUSED_BY_HTTPTOOLS else statuses
    assert [response.status for response in found] == expected

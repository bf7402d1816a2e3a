"""What became of one attempt to deliver."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple


class Outcome(NamedTuple):
    """The status of the HTTP response, None if there was none, and what is wrong, None if nothing is."""

    status: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the back end took it."""
        return self.error is None


def answered(status: int) -> Outcome:
    """The outcome of an attempt that was answered: every status but those of success is a failure."""
    if 200 <= status < 300:  # noqa: PLR2004 - the class of HTTP's successes
        return Outcome(status)
    if 300 <= status < 400:  # noqa: PLR2004
        return Outcome(status, "redirects are not followed")
    try:
        return Outcome(status, HTTPStatus(status).phrase)
    except ValueError:
        return Outcome(status, "not a success")

"""Machine users, as far as getting tokens needs them: programs with a secret, with keys, with a right over people."""

from __future__ import annotations

from typing import NamedTuple

from authsvc.domain.clock import SECOND
from authsvc.domain.users import may_sign_in

IMPERSONATION_LIFE = 3600 * SECOND
"""How long somebody may act as another person at most, in microseconds."""
MAX_REASON = 500  # characters of the reason that an impersonator gives


def is_reason(text: str) -> bool:
    """Whether an impersonator may give this as the reason: it says something, and can be printed."""
    return 0 < len(text) <= MAX_REASON and text.isprintable()


class Machine(NamedTuple):
    """A machine user.

    `login` is what stands before the `@` of its login names and `domain` its organization's primary one, `secret_hash`
    a PHC string, `access_token_type` the number of an `AccessTokenType`. `may_impersonate` is about the people of its
    own organization.
    """

    user_id: int
    org_id: int
    state: int
    org_state: int
    login: str
    domain: str | None
    email: str
    secret_hash: str | None
    access_token_type: int
    may_impersonate: bool

    @property
    def is_usable(self) -> bool:
        """Whether it may do anything at all."""
        return may_sign_in(self.state, self.org_state)

    @property
    def address(self) -> str:
        """How it is called where an e-mail address is expected: by its own, or else by its login name."""
        return self.email or (f"{self.login}@{self.domain}" if self.domain else self.login)


class MachineKey(NamedTuple):
    """A public key by which a machine user proves who it is, in PEM or as a JWK; `expires_at` in microseconds."""

    id: int
    public_key: str
    expires_at: int | None
    machine: Machine

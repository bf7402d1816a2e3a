"""The account of what leads to nothing."""

from __future__ import annotations

from authsvc.doors.engine.account import Account

KIB = 1024


def test_a_new_connection_has_a_little() -> None:
    """As much as the largest head may come to no purpose at once, not a byte more."""
    assert Account(5.0).spend(64 * KIB, 5.0)
    assert not Account(5.0).spend(64 * KIB + 1, 5.0)


def test_what_has_a_purpose_counts_for_the_peer() -> None:
    """What the peer earns it can spend."""
    account = Account(0.0)
    account.earn(10 * KIB)
    assert account.spend(74 * KIB, 0.0)
    assert not account.spend(1, 0.0)


def test_time_earns() -> None:
    """Each second allows another sixteen KiB."""
    account = Account(0.0)
    assert account.spend(64 * KIB, 0.0)
    assert account.spend(8 * KIB, 0.5)
    assert not account.spend(8 * KIB + 1, 1.0)


def test_nobody_saves_up_for_a_flood() -> None:
    """However much is earned, no more than 256 KiB can be spent at once."""
    account = Account(0.0)
    account.earn(KIB * KIB)
    assert not account.spend(256 * KIB + 1, 3600.0)

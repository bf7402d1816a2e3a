from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import Refused
from authsvc.identity.keyfile import KeyFile
from authsvc.oauth.sealing import Sealing, open_sealing

KEY = bytes(range(32))
SEALED = Sealing(KEY).seal("totp", "JBSWY3DPEHPK3PXP")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_can_be_opened(text: str) -> None:
    """Any text comes back as it was, for the same purpose and with the same key, also by another instance."""
    sealed = Sealing(KEY).seal("a purpose", text)
    assert sealed.isascii()
    assert Sealing(KEY).open("a purpose", sealed) == text


def test_nothing_shows() -> None:
    """What is sealed shows nothing of the text, and is never the same twice."""
    sealing = Sealing(KEY)
    sealed = {sealing.seal("totp", "JBSWY3DPEHPK3PXP") for _ in range(50)}
    assert len(sealed) == 50
    for each in sealed:
        parts = [base64.urlsafe_b64decode(part + "==") for part in each.split(".")]
        assert not any(b"JBSWY3DPEHPK3PXP" in part for part in parts)


def test_every_purpose_and_every_key_is_another() -> None:
    """What is sealed for one purpose, or with one key, cannot be opened for another."""
    assert Sealing(KEY).open("totp", SEALED) == "JBSWY3DPEHPK3PXP"
    assert Sealing(KEY).open("pending", SEALED) is None
    assert Sealing(KEY[::-1]).open("totp", SEALED) is None


def test_any_change_is_noticed() -> None:
    """Whatever character is changed, nothing can be opened any more."""
    sealing = Sealing(KEY)
    for place, character in enumerate(SEALED):
        other = "A" if character != "A" else "B"
        assert sealing.open("totp", SEALED[:place] + other + SEALED[place + 1 :]) is None


@pytest.mark.parametrize("cut", [0, 1, 10, 50, len(SEALED) - 1])
def test_what_is_cut_is_noticed(cut: int) -> None:
    """Half of what was sealed is nothing, nor is more than that."""
    assert Sealing(KEY).open("totp", SEALED[:cut]) is None
    assert Sealing(KEY).open("totp", SEALED + SEALED[:cut] + "x") is None


@given(st.text())
def test_what_is_no_seal(text: str) -> None:
    """Any other text is refused, also one that begins as ours do."""
    assert Sealing(KEY).open("totp", text) is None
    assert Sealing(KEY).open("totp", SEALED[:41] + text) is None


class Store:
    """Holds what is sealed."""

    def __init__(self, *samples: tuple[str, str]) -> None:
        self.samples = list(samples)

    async def sealed(self) -> list[tuple[str, str]]:
        """The samples."""
        return self.samples


async def test_a_key_is_made_for_the_first_seal(tmp_path: Path) -> None:
    """While nothing is sealed a missing key file is made, once: what one process seals another opens."""
    file = KeyFile("secret_key_file", tmp_path / "authsvc.key")
    sealed = (await open_sealing(file, Store())).seal("totp", "secret")
    assert (await open_sealing(file, Store(("totp", sealed)))).open("totp", sealed) == "secret"


async def test_a_key_that_is_lost(tmp_path: Path) -> None:
    """Where something is sealed no new key is made: a missing file is told, as the old one is needed."""
    file = KeyFile("secret_key_file", tmp_path / "authsvc.key")
    with pytest.raises(Refused, match=r"secret_key_file: .*/authsvc\.key does not exist, but .*; bring it back"):
        await open_sealing(file, Store(("totp", SEALED)))
    assert not file.path.exists()


async def test_another_key(tmp_path: Path) -> None:
    """A key file that is not the one with which something was sealed is refused, whatever was."""
    file = KeyFile("secret_key_file", tmp_path / "authsvc.key")
    file.make()
    with pytest.raises(Refused, match=r"secret_key_file: .* is not the key with which things .* are sealed"):
        await open_sealing(file, Store(("totp", SEALED)))
    file.replace(KEY)
    assert (await open_sealing(file, Store(("totp", SEALED)))).open("totp", SEALED)


def test_digest_depends_on_key_and_purpose() -> None:
    """The same text for the same purpose has the same keyed hash; with another key or purpose another one."""
    digest = Sealing(KEY).digest("attempts", "gigi")
    assert digest == Sealing(KEY).digest("attempts", "gigi")
    others = [
        Sealing(KEY).digest("user code", "gigi"),
        Sealing(KEY[::-1]).digest("attempts", "gigi"),
        Sealing(KEY).digest("attempts", "olli"),
        hashlib.sha256(b"gigi").digest(),
    ]
    assert len({digest, *others}) == len(others) + 1
    assert {len(each) for each in others} == {len(digest)}

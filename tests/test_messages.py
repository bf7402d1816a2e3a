from __future__ import annotations

import pytest

from authsvc import messages
from authsvc.messages import CATALOGUE, DEFAULT_LANGUAGE, text

KEY = "Errors.User.NotFound"
ENGLISH = "User could not be found"
GERMAN = "Benutzer nicht gefunden"


@pytest.fixture(autouse=True)
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second language, with one text."""
    monkeypatch.setattr(messages, "CATALOGUE", CATALOGUE | {"de": {KEY: GERMAN}})


LANGUAGES = {
    "none": ([], ENGLISH),
    "the default": (["en"], ENGLISH),
    "another": (["de"], GERMAN),
    "a region of another": (["de-CH"], GERMAN),
    "a script and a region": (["de-Latn-CH"], GERMAN),
    "capitals": (["DE"], GERMAN),
    "one that nobody wrote": (["fr"], ENGLISH),
    "the first that has it": (["fr", "de", "en"], GERMAN),
    "the order counts": (["en", "de"], ENGLISH),
    "undetermined": (["und"], ENGLISH),
    "any": (["*"], ENGLISH),
    "empty": ([""], ENGLISH),
    "nonsense": (["../../etc/passwd", "-", "\0"], ENGLISH),
}


@pytest.mark.parametrize(("languages", "expected"), LANGUAGES.values(), ids=LANGUAGES.keys())
def test_the_best_language(languages: list[str], expected: str) -> None:
    """A text comes in the first language that has it, a region falling back to its language, and else in English."""
    assert text(KEY, languages) == expected


def test_a_text_that_only_english_has() -> None:
    """A language that lacks a text does not stop the search."""
    assert text("Errors.Internal", ["de"]) == "An internal error occurred"


@pytest.mark.parametrize("key", ["Errors.Token.Invalid", "auth header missing", "", "no such key"])
def test_a_key_without_a_text(key: str) -> None:
    """A key without a text in any language stands for itself."""
    assert text(key, ["de", "en"]) == key


def test_every_language_translates_english() -> None:
    """English has every text, and no text is empty or holds a line break."""
    english = CATALOGUE[DEFAULT_LANGUAGE]
    for texts in CATALOGUE.values():
        assert texts.keys() <= english.keys()
        assert all(value and value.isprintable() for value in texts.values())


def test_texts_name_their_parameters() -> None:
    """A text names the field and the limit that the error is about."""
    assert text("Errors.Limit.ExceedsMaximum", field="a.b", maximum=7) == "a.b: must not exceed 7"

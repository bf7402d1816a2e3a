"""The catalogues of texts, and the language that is chosen."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from harness import ROOT

from authsvc.oauth.scopes import KNOWN
from authsvc.oidc.texts import LANGUAGES, choose, placeholders

OIDC = ROOT / "src" / "authsvc" / "oidc"
TEMPLATES = sorted((OIDC / "templates").glob("*.html"))
ENGLISH = choose("en", "").texts
# What people see or hear; other attributes are for programs.
SPOKEN = {"alt", "aria-label", "placeholder", "title"}


def test_every_language_has_every_text() -> None:
    """The catalogues have the same keys, and each text the same names in braces; none is empty."""
    assert {path.stem for path in (OIDC / "texts").glob("*.toml")} == set(LANGUAGES)
    for language in LANGUAGES:
        texts = choose(language, "").texts
        assert texts.keys() == ENGLISH.keys()
        for key, text in texts.items():
            assert placeholders(text) == placeholders(ENGLISH[key]), key
            assert text == text.strip() != ""


def test_languages_differ() -> None:
    """Hardly a text is the same in two languages."""
    german = choose("de", "").texts
    assert {key for key, text in ENGLISH.items() if german[key] == text} <= {"field.code"}


def keys_in_use() -> set[str]:
    """The keys in templates and code, with those that are put together there."""
    used = {f"scope.{scope}" for scope in KNOWN} | {"scope.audience"}
    used |= {f"device.{outcome}{part}" for outcome in ("allowed", "denied") for part in ("", "_title")}
    used |= {f"error.{key}" for key in ("malformed", "too_large", "media_type")}
    for path in TEMPLATES:
        used |= set(re.findall(r'\bt\("([a-z_.]+)"', path.read_text()))
    for path in [*OIDC.glob("*.py"), *(ROOT / "src" / "authsvc" / "oauth").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ENGLISH:
                used.add(node.value)
    return used


def test_every_text_is_used_and_every_key_has_one() -> None:
    """No catalogue holds what no page shows, and no page asks for what is not there."""
    assert keys_in_use() == ENGLISH.keys()


class _Literal(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in SPOKEN]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_templates_have_no_words_of_their_own(template: Path) -> None:
    """All that people read or hear comes from the catalogues."""
    reader = _Literal()
    reader.feed(re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "", template.read_text(), flags=re.DOTALL))
    reader.close()
    assert re.findall(r"\w+", " ".join(reader.found)) == []


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("", "", "en"),
        ("de", "", "de"),
        ("de-AT", "en", "de"),
        ("DE", "en", "de"),
        ("fr de en", "en", "de"),
        ("fr", "de", "de"),
        ("fr", "", "en"),
        ("", "de-CH, en;q=0.9", "de"),
        ("", "en;q=0.5, de;q=0.9", "de"),
        ("", "fr, de;q=0, en;q=0.1", "en"),
        ("", "fr;q=1, *;q=0.1", "en"),
        ("", "de;q=x, en", "en"),
        ("", "de;q=2, en;q=0.2", "en"),
        ("", "de;q=nan, en;q=0.2", "en"),
        ("", "de;q=-1", "en"),
        ("", ";;,,;q=", "en"),
        ("", "x," * 1000 + "de", "en"),
        ("\x00 de", "", "de"),
    ],
)
def test_the_language_is_chosen(asked: str, accepted: str, language: str) -> None:
    """First what the client asks for, then what the browser likes best, then English."""
    assert choose(asked, accepted).language == language

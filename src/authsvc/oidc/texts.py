"""The texts of the pages by language (OpenID Connect Core, section 3.1.2.1: ui_locales; RFC 9110, section 12.5.4)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from string import Formatter

from authsvc.oauth.scopes import projects

LANGUAGES = ("en", "de")
"""The languages there are texts in; the first is for everybody who asks for none of them."""

_LONGEST = 1000  # characters of `Accept-Language` that are looked at


class Texts:
    """The texts in one language. Every text that is asked for must be there: nobody sees a key."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self.texts = texts

    def __call__(self, key: str, **parameters: object) -> str:
        """The text of `key` with its parameters put in."""
        return self.texts[key].format(**parameters)

    def scope(self, word: str, names: Mapping[str, str]) -> str:
        """What a word of a scope lets somebody do; `names` are those of projects, by their ids."""
        for project in projects(word):
            return self("scope.audience", project=names.get(project, project))
        return self(f"scope.{word}")


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def choose(ui_locales: str, accept_language: str) -> Texts:
    """The texts for a request: in the first language of `ui_locales` that there is, else as the browser is set."""
    for tag in (*ui_locales.split(), *_accepted(accept_language[:_LONGEST])):
        if found := _ALL.get(tag.partition("-")[0].lower()):
            return found
    return _ALL[LANGUAGES[0]]


def _accepted(header: str) -> list[str]:
    """The languages of `Accept-Language`, those that are liked best first."""
    liked: list[tuple[float, str]] = []
    for item in header.split(","):
        tag, _, weight = item.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if 0 < quality <= 1:
            liked.append((-quality, tag.strip()))
    return [tag for _, tag in sorted(liked, key=lambda each: each[0])]


def _read(language: str) -> Texts:
    tables = tomllib.loads((files("authsvc.oidc") / "texts" / f"{language}.toml").read_text("utf-8"))
    return Texts(language, dict(_flat(tables)))


def _flat(tables: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for table, entries in tables.items():
        for name, text in entries.items():
            yield f"{table}.{name}", text


_ALL = {language: _read(language) for language in LANGUAGES}

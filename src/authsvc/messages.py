"""Texts of errors by language. English is the source; a key without a text stands for itself."""

from __future__ import annotations

from collections.abc import Iterable

CATALOGUE: dict[str, dict[str, str]] = {
    "en": {
        "Errors.Internal": "An internal error occurred",
        "Errors.Issuer.Unavailable": "The issuer of the token does not answer",
        "Errors.Limit.ExceedsMaximum": "{field}: must not exceed {maximum}",
        "Errors.Store.Unavailable": "The service is temporarily unavailable",
        "Errors.User.NotFound": "User could not be found",
        "Errors.UserAgent.NotFound": "The token belongs to no browser",
        "Errors.UserSession.NotFound": "The browser has no such session",
    },
}
DEFAULT_LANGUAGE = "en"


def text(key: str, languages: Iterable[str] = (), **parameters: object) -> str:
    """The text of `key` in the first of `languages` (BCP 47 tags) that has it, else English, else `key`."""
    for language in (*languages, DEFAULT_LANGUAGE):
        texts = CATALOGUE.get(language.partition("-")[0].lower(), {})
        if key in texts:
            return texts[key].format(**parameters)
    return key

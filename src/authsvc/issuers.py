"""The setting `trusted_issuers`: other issuers whose tokens are accepted."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from authsvc.domain.signing_keys import ASYMMETRIC
from authsvc.domain.urls import is_loopback, parts_of


def listed(value: Any) -> Any:
    """The items of a list, which in the environment and on the command line is a text with commas."""
    if not isinstance(value, str):
        return value
    return [item.strip() for item in value.split(",")] if value.strip() else []


def secure_url(value: Any) -> str:
    """The address, if nobody on the way can read or change what is sent there. Raises `ValueError` otherwise."""
    parts = parts_of(text := str(value))
    if parts is None or parts.fragment or (parts.scheme == "http" and not is_loopback(parts.hostname)):
        raise ValueError("must be an https address; http is only for localhost and loopback addresses")
    return text


def _issuer_url(value: Any) -> str:
    if parts_of(text := str(value)) is None:
        raise ValueError("must be an http or https address, just as in the claim iss")
    return text


def _algorithms(value: Any) -> Any:
    items = listed(value)
    if not items or not isinstance(items, list | tuple) or any(item not in ASYMMETRIC for item in items):
        raise ValueError(f"must be some of {', '.join(ASYMMETRIC)}")
    return tuple(items)


_SecureUrl = Annotated[str, BeforeValidator(secure_url)]
_NotEmpty = Annotated[str, Field(min_length=1)]


class Foreign(BaseModel):
    """Another issuer whose tokens are accepted, as it stands in the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)

    issuer: Annotated[str, BeforeValidator(_issuer_url)]
    audience: _NotEmpty
    jwks_uri: _SecureUrl | None = None
    introspection_uri: _SecureUrl | None = None
    client_id: _NotEmpty | None = None
    client_secret: _NotEmpty | None = Field(default=None, repr=False)
    algorithms: Annotated[tuple[str, ...], BeforeValidator(_algorithms)] = ("RS256", "ES256", "EdDSA")
    user_claim: _NotEmpty = "sub"

    @model_validator(mode="after")
    def _verifiable(self) -> Foreign:
        if not (self.jwks_uri or self.introspection_uri):
            raise ValueError("needs jwks_uri or introspection_uri")
        if bool(self.introspection_uri) != bool(self.client_id) or bool(self.client_id) != bool(self.client_secret):
            raise ValueError("introspection_uri, client_id and client_secret must be set together")
        return self


def foreign_issuers(value: Any) -> tuple[Foreign, ...]:
    """Read the list, which in the environment and on the command line is a JSON text.

    Raises `ValueError` for a mistake, with a sentence that quotes no value.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except ValueError:
            raise ValueError("must be a list of tables, or a JSON text of one") from None
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict | Foreign) for item in value):
        raise ValueError("must be a list of tables, or a JSON text of one")
    found = tuple(_one(number, item) for number, item in enumerate(value, start=1))
    if len({each.issuer for each in found}) < len(found):
        raise ValueError("must name each issuer once")
    return found


def _one(number: int, item: Any) -> Foreign:
    try:
        return Foreign.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        # A key that is not known may be a secret that has slipped, and is not shown.
        known = [str(part) for part in first["loc"][:1] if part in Foreign.model_fields]
        where = " ".join([f"number {number}", *known])
        raise ValueError(f"{where}: {message[:1].lower() + message[1:]}") from None

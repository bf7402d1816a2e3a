"""What a client may register."""

from __future__ import annotations

import pytest

from authsvc.domain.clients import GrantType
from authsvc.domain.registration import DEFAULT_GRANTS, MAX_URI, NO_URI, SHORT_NAMES, Registration, faults, is_client_id

CODE, REFRESH, DEVICE = GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN, GrantType.DEVICE_CODE
GOOD = Registration(
    is_public=False,
    native=False,
    redirect_uris=("https://a.example/in",),
    post_logout_uris=(),
    grant_types=DEFAULT_GRANTS,
)
LONG = "https://a.example/" + "x" * MAX_URI


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"is_public": True}, []),
        ({"is_public": True, "native": True, "redirect_uris": ("com.example.app:/in",)}, []),
        ({"native": True}, [("native", None)]),
        ({"redirect_uris": ("https://a.example/in", "http://a.example/")}, [("redirect_uris", 1)]),
        ({"redirect_uris": ("https://a.example/in", LONG)}, [("redirect_uris", 1)]),
        ({"redirect_uris": ("https://a.example/", "https://a.example/")}, [("redirect_uris", 1)]),
        ({"post_logout_uris": ("com.example.app:/out",)}, [("post_logout_uris", 0)]),
        ({"redirect_uris": ()}, [("redirect_uris", None)]),
        ({"redirect_uris": (), "grant_types": (DEVICE, REFRESH)}, []),
        ({"grant_types": (DEVICE,)}, [("redirect_uris", None)]),
        ({"grant_types": (CODE, CODE)}, [("grant_types", 1)]),
        ({"redirect_uris": (), "grant_types": (REFRESH,)}, [("grant_types", None)]),
    ],
)  # fmt: skip
def test_faults(change: dict[str, object], found: list[tuple[str, int | None]]) -> None:
    """Each fault names its field and the item of it, and no sentence repeats what was given."""
    told = list(faults(GOOD._replace(**change)))  # type: ignore[arg-type]
    assert [(fault.field, fault.item) for fault in told] == found
    assert not [fault for fault in told if "a.example" in fault.text or "app:/" in fault.text]


def test_the_rule_of_addresses_is_told() -> None:
    """Whoever gives a wrong address is told what a right one is."""
    (fault,) = faults(GOOD._replace(redirect_uris=("/in",)))
    assert fault.text == NO_URI


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("a", True), ("374@project", True), ("~!", True), ("x" * 200, True), ("x" * 201, False), ("", False),
     ("a b", False), ("a\n", False), ("\u00e4", False)],
)  # fmt: skip
def test_client_ids(text: str, is_one: bool) -> None:  # noqa: FBT001
    """A client calls itself by visible ASCII characters, at most 200."""
    assert is_client_id(text) is is_one


def test_short_names() -> None:
    """People write grant types without their long prefix."""
    assert SHORT_NAMES == {"authorization_code": CODE, "refresh_token": REFRESH, "device_code": DEVICE}

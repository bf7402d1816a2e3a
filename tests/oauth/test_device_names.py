"""What user agents are called."""

from __future__ import annotations

import pytest
from oauth.people import CHROME

from authsvc.oauth.device_names import UNKNOWN_DEVICE, device_name

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome 142 on Linux"),
        (SAFARI, "Mobile Safari 18 on iOS"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145 on Windows"),
        ("curl/8.5.0", "curl 8"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "Linux"),
        ("something else", UNKNOWN_DEVICE),
        ("", UNKNOWN_DEVICE),
        (None, UNKNOWN_DEVICE),
        ("(" * 16_000, UNKNOWN_DEVICE),
    ],
)
def test_device_is_called_after_program_and_system(user_agent: str | None, name: str) -> None:
    """A name is the program with its version, and the system, as far as they are known."""
    assert device_name(user_agent) == name

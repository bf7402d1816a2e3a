"""What a user agent is called where people look for it, by its `User-Agent` (RFC 9110, section 10.1.5)."""

from __future__ import annotations

UNKNOWN_DEVICE = ""
"""What nobody can name; pages have a word for it in each language."""
_LONGEST = 500  # characters that are looked at: browsers send less


def device_name(user_agent: str | None) -> str:
    """A name such as `Chrome 142 on Linux`, without what is not known; `UNKNOWN_DEVICE` if nothing is."""
    if not user_agent:
        return UNKNOWN_DEVICE
    from ua_parser import parse  # noqa: PLC0415 - its rules take a tenth of a second to read

    result = parse(user_agent[:_LONGEST])
    program, system = result.user_agent, result.os
    words = [" ".join(filter(None, (program.family, program.major)))] if program else []
    if system:
        words.append(system.family)
    return " on ".join(words)

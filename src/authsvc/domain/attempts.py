"""Attempts: what is counted when somebody tries a secret."""

from __future__ import annotations

from typing import NamedTuple


class Bucket(NamedTuple):
    """What is counted: its name, how many tries there are at once, and how often, in microseconds, comes another."""

    name: str
    burst: int
    interval: int

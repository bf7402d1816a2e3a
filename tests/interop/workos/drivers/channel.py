"""How a driver in Python talks to the tests: a call a line comes in as JSON, its outcome goes out.

A driver runs where its SDK is installed, and nothing else is: it imports the standard library only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

Operation = Callable[..., Any]


def serve(connect: Callable[[str, str], Any], operations: dict[str, Operation], describe: Callable[..., Any]) -> None:
    """Carry out calls until there are no more; `describe` turns what an operation raises into what the tests see.

    `connect` makes a client from a server's address and an API key; every operation takes one first.
    """
    client = cache(connect)
    for line in sys.stdin:
        call = json.loads(line)
        try:
            value = operations[call["operation"]](client(call["server"], call["key"]), **call["arguments"])
            outcome = {"value": value}
        except Exception as error:  # noqa: BLE001 - the tests judge
            outcome = {"error": {"class": type(error).__name__, "message": str(error), **describe(error)}}
        print(json.dumps(outcome), flush=True)

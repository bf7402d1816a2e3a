from __future__ import annotations

import pytest
from contract.support import run


@pytest.mark.parametrize(
    "command", [("buf", "lint"), ("buf", "format", "--diff", "--exit-code")], ids=["lint", "format"]
)
def test_buf_is_content(command: tuple[str, ...]) -> None:
    """The contract keeps the rules in buf.yaml and is formatted."""
    done = run(*command)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)

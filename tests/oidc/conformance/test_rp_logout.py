"""The modules of OIDCCRpInitiatedLogoutTestPlan, in its order: a sign-in, a way out, and who is signed in then."""

from __future__ import annotations

import json
import random
import string

from joserfc import jwt
from joserfc.jwk import OctKey
from oauth.realm import SECRET, answer_of
from oidc.conformance.stage import BASE, SIGNED_OUT, Flow, RelyingParty, unsigned
from oidc.stage import Page

STATE = "".join(random.Random(7).sample(string.digits + string.ascii_letters + string.punctuation, 40)).translate(
    str.maketrans("+;", "~~")
)


def good(flow: Flow) -> dict[str, str]:
    """What a client sends that does everything right."""
    return {"id_token_hint": flow.tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT, "state": STATE}


async def brought_back(party: RelyingParty, flow: Flow, page: Page) -> dict[str, str]:
    """What the browser brings to where people go afterwards; nobody is signed in, and the tokens are worth nothing."""
    assert page.status == 302
    place, _, query = page.location.partition("?")
    assert place == SIGNED_OUT
    assert await is_out(party, flow)
    return answer_of(page.location) if query else {}


async def is_out(party: RelyingParty, flow: Flow) -> bool:
    """Whether nobody is signed in any more."""
    is_over = not await party.is_signed_in()
    assert (await party.user_info(flow)).status == (401 if is_over else 200)
    return is_over


async def refused(party: RelyingParty, flow: Flow, page: Page, said: str) -> None:
    """The person is told on a page of the server, which leads nowhere else, and is still signed in."""
    assert (page.status, "location" in page.headers) == (400, False)
    assert said in page.problem
    assert BASE not in page.text
    assert not await is_out(party, flow)


async def confirmed(party: RelyingParty, flow: Flow, page: Page) -> None:
    """The person is asked, and signed out as soon as they say so; that is the end of the way."""
    assert (page.status, page.title) == (200, "Sign out?")
    assert not await is_out(party, flow)
    end = await party.person.follow(await party.person.submit(page, "Sign out"))
    assert (end.status, end.title) == (200, "Signed out")
    assert await is_out(party, flow)


async def test_oidcc_rp_initiated_logout_discovery_endpoint_verification(party: RelyingParty) -> None:
    """Discovery names the end session endpoint, and https addresses only."""
    addresses = {name: address for name, address in party.about.items() if name.endswith("_endpoint")}
    assert "end_session_endpoint" in addresses
    assert all(address.startswith("https://") for address in addresses.values())


async def test_oidcc_rp_initiated_logout(party: RelyingParty) -> None:
    """With the ID token of this sign-in the person is signed out at once and goes back, with the state unharmed."""
    flow = await party.flow()
    assert await brought_back(party, flow, await party.leave(**good(flow))) == {"state": STATE}


async def test_oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(party: RelyingParty) -> None:
    """To an address that is not registered nobody goes."""
    flow = await party.flow()
    bad = {**good(flow), "post_logout_redirect_uri": f"{BASE}/bad_post_logout_redirect_uri"}
    await refused(party, flow, await party.leave(**bad), "not registered")


async def test_oidcc_rp_initiated_logout_modified_id_token_hint(party: RelyingParty) -> None:
    """An ID token whose signature was taken away is none."""
    flow = await party.flow()
    changed = {**good(flow), "id_token_hint": unsigned(json.dumps(flow.claims).encode())}
    await refused(party, flow, await party.leave(**changed), "was changed")


async def test_oidcc_rp_initiated_logout_no_id_token_hint(party: RelyingParty) -> None:
    """Where no client is named, nobody is sent to one."""
    flow = await party.flow()
    page = await party.leave(post_logout_redirect_uri=SIGNED_OUT, state=STATE)
    await refused(party, flow, page, "not registered")


async def test_oidcc_rp_initiated_logout_no_params(party: RelyingParty) -> None:
    """A link that anybody could have made asks first, and then signs out."""
    flow = await party.flow()
    await confirmed(party, flow, await party.leave())


async def test_oidcc_rp_initiated_logout_no_post_logout_redirect_uri(party: RelyingParty) -> None:
    """With the ID token alone the person is signed out at once, and a page says so."""
    flow = await party.flow()
    page = await party.leave(id_token_hint=flow.tokens["id_token"], state=STATE)
    assert (page.status, page.title) == (200, "Signed out")
    assert await is_out(party, flow)


async def test_oidcc_rp_initiated_logout_no_state(party: RelyingParty) -> None:
    """Without a state the person goes back without one."""
    flow = await party.flow()
    page = await party.leave(id_token_hint=flow.tokens["id_token"], post_logout_redirect_uri=SIGNED_OUT)
    assert await brought_back(party, flow, page) == {}


async def test_oidcc_rp_initiated_logout_only_state(party: RelyingParty) -> None:
    """A state alone shows nothing either: the person is asked, and then signed out."""
    flow = await party.flow()
    await confirmed(party, flow, await party.leave(state=STATE))


async def test_oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri(party: RelyingParty) -> None:
    """A registered address with something added is another one."""
    flow = await party.flow()
    added = {**good(flow), "post_logout_redirect_uri": f"{SIGNED_OUT}?foo=bar"}
    await refused(party, flow, await party.leave(**added), "not registered")


async def test_oidcc_rp_initiated_logout_bad_id_token_hint(party: RelyingParty) -> None:
    """A token that the client has made itself is no ID token."""
    flow = await party.flow()
    now = party.seconds
    claims = {"iss": party.client_id, "sub": "SubjectID", "aud": party.issuer, "nonce": "flibble"}
    made = jwt.encode({"alg": "HS256"}, {**claims, "iat": now, "exp": now + 300}, OctKey.import_key(SECRET))
    await refused(party, flow, await party.leave(**{**good(flow), "id_token_hint": made}), "was changed")

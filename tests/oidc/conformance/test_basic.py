"""The modules of OIDCCBasicTestPlan, in its order: what they send, and what they want back."""

from __future__ import annotations

import json

from oidc.conformance import checks
from oidc.conformance.checks import SCOPE_CLAIMS
from oidc.conformance.stage import BASE, FIRST, POSTING, SECOND_CLIENT, STATE_OF_128, Flow, RelyingParty, unsigned

from authsvc.domain.clock import SECOND

SIGNS_IN = ["Sign in", "Allow access?"]
PROFILE_WITHOUT = {"middle_name", "profile", "website", "birthdate", "zoneinfo"}
"""The claims of the scope `profile` that no user has here."""


async def claims_for(party: RelyingParty, scope: str) -> set[str]:
    """The claims that a scope gives at the userinfo endpoint; none of them stands in the ID token."""
    flow = await party.flow(party.request(scope=scope))
    claims = checks.user_info(await party.user_info(flow), flow.claims["sub"], party.seconds)
    assert claims.keys() & flow.claims.keys() == {"sub"}
    return set(claims)


async def asked_again(party: RelyingParty, first: Flow, **parameters: str) -> Flow:
    """A second request, somewhat later, that is answered without a page and by the same sign-in."""
    party.realm.at += 7 * SECOND
    again = await party.flow(party.request(**parameters))
    assert (first.visit.headings, again.visit.headings) == (SIGNS_IN, [])
    checks.same_person(first.claims, again.claims)
    return again


async def test_oidcc_server(party: RelyingParty) -> None:
    """A code flow with client_secret_basic gives tokens, and an ID token that holds in every point."""
    flow = await party.flow()
    assert flow.visit.headings == SIGNS_IN
    assert "expires_in" in flow.tokens
    assert "name" not in flow.claims


async def test_oidcc_response_type_missing(party: RelyingParty) -> None:
    """A request without response_type goes back to the client as invalid."""
    assert await party.refused(party.request(without="response_type")) == "invalid_request"


async def test_oidcc_idtoken_signature(party: RelyingParty) -> None:
    """An ID token is signed with RS256, and its header names the key."""
    flow = await party.flow()
    assert flow.header["alg"] == "RS256"
    assert flow.header["kid"] in {key["kid"] for key in await party.keys()}


async def test_oidcc_idtoken_unsigned(party: RelyingParty) -> None:
    """ID tokens without a signature are not offered, and a client cannot be set up to get them."""
    assert "none" not in party.about["id_token_signing_alg_values_supported"]
    assert (await party.flow()).header["alg"] in party.about["id_token_signing_alg_values_supported"]


async def test_oidcc_userinfo_get(party: RelyingParty) -> None:
    """GET with the token in the header tells who it is."""
    flow = await party.flow()
    assert checks.user_info(await party.user_info(flow), flow.claims["sub"], party.seconds)


async def test_oidcc_userinfo_post_header(party: RelyingParty) -> None:
    """POST with the token in the header tells the same."""
    flow = await party.flow()
    assert checks.user_info(await party.user_info(flow, "POST"), flow.claims["sub"], party.seconds)


async def test_oidcc_userinfo_post_body(party: RelyingParty) -> None:
    """A token in the body is none, and the answer says how to send one."""
    page = await party.user_info_by_form(await party.flow())
    assert page.status == 401
    assert page.headers["www-authenticate"].startswith("Bearer ")


async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(party: RelyingParty) -> None:
    """A request without a nonce gives an ID token without one."""
    assert "nonce" not in (await party.flow(party.request(without="nonce"))).claims


async def test_oidcc_scope_profile(party: RelyingParty) -> None:
    """The scope profile gives the claims of a profile that there are."""
    expected = SCOPE_CLAIMS["openid"] | SCOPE_CLAIMS["profile"]
    assert expected - await claims_for(party, "openid profile") == PROFILE_WITHOUT


async def test_oidcc_scope_email(party: RelyingParty) -> None:
    """The scope email gives the address and whether it is verified, and not the name."""
    assert await claims_for(party, "openid email") == SCOPE_CLAIMS["openid"] | SCOPE_CLAIMS["email"]


async def test_oidcc_scope_address(party: RelyingParty) -> None:
    """The scope address is not offered; a request with it is answered without it, and the client is told."""
    assert "address" not in party.about["scopes_supported"]
    flow = await party.flow(party.request(scope="openid address"))
    assert flow.tokens["scope"] == "openid"
    assert (await party.user_info(flow)).json.keys() == {"sub"}


async def test_oidcc_scope_phone(party: RelyingParty) -> None:
    """The scope phone gives the number and whether it is verified."""
    assert await claims_for(party, "openid phone") == SCOPE_CLAIMS["openid"] | SCOPE_CLAIMS["phone"]


async def test_oidcc_scope_all(party: RelyingParty) -> None:
    """With all scopes at once, everything is there but the address."""
    everything = frozenset[str]().union(*SCOPE_CLAIMS.values())
    assert everything - await claims_for(party, "openid email phone address profile") == {"address", *PROFILE_WITHOUT}


async def test_oidcc_alternate_happy_flow(party: RelyingParty) -> None:
    """The order of scopes and of parameters does not matter."""
    asked = party.request(scope="email openid")
    flow = await party.flow(dict(sorted(asked.items(), reverse=True)))
    assert (await party.user_info(flow)).json.keys() == SCOPE_CLAIMS["openid"] | SCOPE_CLAIMS["email"]
    assert not {"name", "email"} & flow.claims.keys()


async def test_oidcc_display_page(party: RelyingParty) -> None:
    """With display=page the sign-in page is the usual one."""
    assert (await party.flow(party.request(display="page"))).visit.headings == SIGNS_IN


async def test_oidcc_display_popup(party: RelyingParty) -> None:
    """With display=popup the sign-in page is the usual one, which fits small windows."""
    assert (await party.flow(party.request(display="popup"))).visit.headings == SIGNS_IN


async def test_oidcc_prompt_login(party: RelyingParty) -> None:
    """With prompt=login the person signs in once more, and auth_time is later."""
    first = await party.flow()
    party.realm.at += SECOND
    second = await party.flow(party.request(prompt="login"))
    assert second.visit.headings == ["Sign in"]
    assert second.claims["auth_time"] > first.claims["auth_time"]


async def test_oidcc_prompt_none_not_logged_in(party: RelyingParty) -> None:
    """With prompt=none and nobody signed in, the client gets an error that says so, and its long state unharmed."""
    assert len(STATE_OF_128) == 128
    assert await party.refused(party.request(prompt="none", state=STATE_OF_128)) == "login_required"


async def test_oidcc_prompt_none_logged_in(party: RelyingParty) -> None:
    """With prompt=none and somebody signed in there is no page, and the same sign-in."""
    await asked_again(party, await party.flow(), prompt="none")


async def test_oidcc_max_age_1(party: RelyingParty) -> None:
    """Two seconds later, max_age=1 demands another sign-in, and auth_time is that of it."""
    first = await party.flow()
    party.realm.at += 2 * SECOND
    second = await party.flow(party.request(max_age="1"))
    assert second.visit.headings == ["Sign in"]
    assert first.claims["auth_time"] < second.claims["auth_time"] == party.seconds


async def test_oidcc_max_age_10000(party: RelyingParty) -> None:
    """With a long max_age nobody signs in again, and auth_time is there both times, the same."""
    await asked_again(party, await party.flow(party.request(max_age="15000")), max_age="10000")


async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(party: RelyingParty) -> None:
    """A parameter that nobody knows is ignored."""
    assert (await party.flow(party.request(extra="foobar"))).visit.headings == SIGNS_IN


async def test_oidcc_id_token_hint(party: RelyingParty) -> None:
    """With prompt=none and the ID token of the first sign-in there is no page, and the same sign-in."""
    first = await party.flow()
    await asked_again(party, first, prompt="none", id_token_hint=first.tokens["id_token"])


async def test_oidcc_login_hint(party: RelyingParty) -> None:
    """A hint that means nobody here does no harm: it stands in the form, and another name can be typed."""
    asked = party.request(login_hint="buffy@auth.example")
    form = await party.person.go(party.address(asked))
    assert [each["value"] for each in form.document.all("input") if each["name"] == "login_name"] == [
        "buffy@auth.example"
    ]
    assert (await party.flow(asked)).visit.headings == SIGNS_IN


async def test_oidcc_ui_locales(party: RelyingParty) -> None:
    """A language that there is none of is no mistake; one that there is is used."""
    german = await party.person.go(party.address(party.request(ui_locales="se de")))
    assert german.document.all("html")[0]["lang"] == "de"
    assert (await party.flow(party.request(ui_locales="se"))).visit.headings == SIGNS_IN


async def test_oidcc_claims_locales(party: RelyingParty) -> None:
    """A language for claims, which have none here, is no mistake."""
    assert (await party.flow(party.request(claims_locales="se"))).visit.headings == SIGNS_IN


async def test_oidcc_ensure_request_with_acr_values_succeeds(party: RelyingParty) -> None:
    """Asked for any of the values that discovery names, the ID token has one of them."""
    values = party.about["acr_values_supported"]
    flow = await party.flow(party.request(acr_values=" ".join(values)))
    assert flow.claims["acr"] in values


async def test_oidcc_codereuse(party: RelyingParty) -> None:
    """A code that has been used is refused at once."""
    flow = await party.flow()
    assert checks.token_refusal(await party.exchange(flow.code, flow.asked)) == "invalid_grant"


async def test_oidcc_codereuse_30seconds(party: RelyingParty) -> None:
    """A code that has been used is refused half a minute later, and what it gave is worth nothing any more."""
    flow = await party.flow()
    party.realm.at += 30 * SECOND
    assert (await party.user_info(flow)).status == 200
    assert checks.token_refusal(await party.exchange(flow.code, flow.asked)) == "invalid_grant"
    assert (await party.user_info(flow)).status == 401


async def test_oidcc_ensure_registered_redirect_uri(party: RelyingParty) -> None:
    """With a redirect URI that is not registered the person is told, and goes nowhere."""
    visit = await party.visit(party.request(redirect_uri=f"{BASE}/callback/x7Kq2ZpLw9"))
    assert (visit.headings, visit.end.status, "location" in visit.end.headers) == ([], 400, False)
    assert "not registered" in visit.end.problem


async def test_oidcc_ensure_post_request_succeeds(party: RelyingParty) -> None:
    """A request can come as a form."""
    assert (await party.flow(party.request(), by_post=True)).visit.headings == SIGNS_IN


async def test_oidcc_server_client_secret_post(party: RelyingParty) -> None:
    """A code flow with the secret in the form gives the same."""
    assert (await (await party.another(POSTING)).flow()).visit.headings == SIGNS_IN


async def refused_object(party: RelyingParty, name: str, value: str) -> str:
    """The error for a request that stands in an object, and in the address only as far as the specification demands."""
    asked = party.request(**{name: value})
    demanded = {"client_id", "redirect_uri", "response_type", "scope", name}
    return await party.refused({key: text for key, text in asked.items() if key in demanded})


async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(party: RelyingParty) -> None:
    """A request that stands elsewhere is refused as not supported, as discovery says."""
    assert party.about["request_uri_parameter_supported"] is False
    assert await refused_object(party, "request_uri", f"{BASE}/request.jwt#x") == "request_uri_not_supported"


async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    party: RelyingParty,
) -> None:
    """A request object is refused as not supported, as discovery says."""
    assert party.about["request_parameter_supported"] is False
    assert "request_object_signing_alg_values_supported" not in party.about
    assert (
        await refused_object(party, "request", unsigned(json.dumps(party.request()).encode()))
        == "request_not_supported"
    )


async def test_oidcc_claims_essential(party: RelyingParty) -> None:
    """A request for single claims is ignored, as discovery says: it succeeds, and gives what the scope gives."""
    assert party.about["claims_parameter_supported"] is False
    claims = json.dumps({"userinfo": {"name": {"essential": True}}})
    flow = await party.flow(party.request(claims=claims))
    assert (await party.user_info(flow)).json.keys() == SCOPE_CLAIMS["openid"]
    assert "name" not in flow.claims


async def test_oidcc_ensure_request_object_with_redirect_uri(party: RelyingParty) -> None:
    """A wrong redirect URI beside a request object with the right one is refused on a page."""
    asked = party.request()
    visit = await party.visit(
        {**asked, "request": unsigned(json.dumps(asked).encode()), "redirect_uri": asked["redirect_uri"] + "_invalid"}
    )
    assert (visit.headings, visit.end.status, "location" in visit.end.headers) == ([], 400, False)
    assert "not registered" in visit.end.problem


async def test_oidcc_refresh_token(party: RelyingParty) -> None:
    """Two clients refresh their tokens, and neither can those of the other."""
    assert {"refresh_token", "authorization_code"} <= set(party.about["grant_types_supported"])
    assert "offline_access" in party.about["scopes_supported"]
    assert party.client_id == FIRST
    await refreshed(party, scope="openid offline_access")
    theirs = await refreshed(await party.another(SECOND_CLIENT))
    stolen = await party.token(grant_type="refresh_token", refresh_token=theirs, scope="openid offline_access")
    assert checks.token_refusal(stolen) == "invalid_grant"


async def refreshed(party: RelyingParty, **form: str) -> str:
    """The refresh token after that of a sign-in; the person has been asked, and what is new is new."""
    first = await party.flow(party.request(scope="openid offline_access", prompt="consent"))
    assert first.visit.headings[-1] == "Allow access?"
    party.realm.at += SECOND
    page = await party.token(grant_type="refresh_token", refresh_token=first.tokens["refresh_token"], **form)
    tokens = checks.token_answer(page)
    claims, _ = await party.verified(tokens, None)
    same = ("iss", "sub", "aud", "azp", "auth_time")
    assert {name: claims[name] for name in same} == {name: first.claims[name] for name in same}
    assert claims["iat"] > first.claims["iat"]
    assert tokens["access_token"] != first.access_token
    assert (await party.user_info_with(tokens["access_token"])).status == 200
    return str(tokens["refresh_token"])


async def test_oidcc_ensure_request_with_valid_pkce_succeeds(party: RelyingParty) -> None:
    """A request with a challenge of the method S256 gives tokens for its verifier, and for no other."""
    asked = party.request()
    assert asked["code_challenge_method"] in party.about["code_challenge_methods_supported"]
    flow = await party.flow(asked)
    assert flow.visit.headings == SIGNS_IN
    other = party.request()
    visit = await party.visit(other)
    code = checks.code_answer(visit.answer, other, party.issuer)
    assert checks.token_refusal(await party.exchange(code, asked)) == "invalid_grant"

"""The account page, `/account`: who am I, where am I signed in, what may I do, in a browser.

It is a client like any other: it signs people in by authorization code with PKCE, and calls the API by gRPC-Web. Its
source is in the folder `account`, and what `make generate` builds of it in the package `authsvc_web`.
"""

from __future__ import annotations

from importlib.resources import files

from authsvc.domain.registration import DEFAULT_GRANTS
from authsvc.store.client_writes import NewClient
from authsvc.web.files import File, Files

PATH = "/account"
CLIENT_ID = "authsvc-account"
# People's pictures are wherever they have them.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
_PARTS = ("account.js", "account.css", "icon.svg")


def account_page() -> Files:
    """Its files."""
    built = files("authsvc_web") / "account"
    page = File.read(built / "index.html", _POLICY)
    return Files(
        {PATH: page, f"{PATH}/": page, **{f"{PATH}/{name}": File.read(built / name, _POLICY) for name in _PARTS}}
    )


def account_client(issuer: str) -> NewClient:
    """The client that it is: people are not asked whether it may know who they are, as it is a page of ours."""
    return NewClient(
        name="Account page",
        client_id=CLIENT_ID,
        public=True,
        trusted=True,
        redirect_uris=(issuer + PATH,),
        grant_types=DEFAULT_GRANTS,
    )

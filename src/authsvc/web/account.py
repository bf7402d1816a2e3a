"""The account page, `/account`: who am I, where am I signed in, what may I do, in a browser.

It is a client like any other: it signs people in by authorization code with PKCE, and calls the API by gRPC-Web. Its
source is in the folder `account`, and what `make generate` builds of it in the package `authsvc_web`.
"""

from __future__ import annotations

from importlib.resources import files

from authsvc.domain.account_page import CLIENT_ID, PATH
from authsvc.domain.clients import ClientState
from authsvc.domain.registration import DEFAULT_GRANTS
from authsvc.store.client_writes import ClientWrites, NewClient
from authsvc.store.clients import Clients
from authsvc.web.files import File, Files

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


async def keep_account_client(clients: Clients, writes: ClientWrites, issuer: str, *, served: bool) -> None:
    """Have the client of the page be there if the page is served, and otherwise end it and all that it was given.

    Nothing is written, and nobody waited for, where all is as it should be: that is so at every start but the first.

    Raises:
        Refused: somebody has made another client with this client id.
        Unavailable: the database does not answer.
    """
    found = await clients.by_client_id(CLIENT_ID)
    active = found if found and found.state == ClientState.ACTIVE else None
    if not served:
        if active:
            await writes.disable(CLIENT_ID)
    elif active is None or active.redirect_uris != issuer + PATH:
        await writes.keep(account_client(issuer))


def account_client(issuer: str) -> NewClient:
    """The client that it is: people are not asked whether it may know who they are, as it is a page of ours."""
    return NewClient(
        name="authsvc",
        client_id=CLIENT_ID,
        public=True,
        trusted=True,
        redirect_uris=(issuer + PATH,),
        grant_types=DEFAULT_GRANTS,
    )

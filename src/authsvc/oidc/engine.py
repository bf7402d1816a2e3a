"""What the endpoints and pages work with: the rules of the authorization server, and who is at the other end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from authsvc.domain.accounts import Visitor
from authsvc.domain.clock import Clock, now
from authsvc.oauth.authorization import Authorization
from authsvc.oauth.device import Devices
from authsvc.oauth.introspection import Introspection
from authsvc.oauth.keyring import Keyring
from authsvc.oauth.logout import Logout
from authsvc.oauth.revocation import Revocation
from authsvc.oauth.sealing import Sealing
from authsvc.oauth.sign_in import SignIns
from authsvc.oauth.token import TokenEndpoint
from authsvc.oauth.userinfo import UserInfo
from authsvc.oauth.visitor import Network, visitor
from authsvc.store.clients import Clients
from authsvc.store.impersonations import Impersonators
from authsvc.store.projects import Projects


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The rules by the endpoints and pages that follow them.

    `issuer` is the URL by which browsers reach these, `account_page` the path of that page, empty if there is none.
    """

    issuer: str
    authorization: Authorization
    keyring: Keyring
    tokens: TokenEndpoint
    introspection: Introspection
    revocation: Revocation
    user_info: UserInfo
    logout: Logout
    devices: Devices
    clients: Clients
    projects: Projects
    impersonators: Impersonators
    sign_ins: SignIns
    sealing: Sealing
    account_page: str = ""
    trusted_proxies: Sequence[Network] = ()
    clock: Clock = now

    def visitor(self, request: Request) -> Visitor:
        """Who asks."""
        peer = request.client.host if request.client else None
        return visitor(peer, request.scope["headers"], self.trusted_proxies)

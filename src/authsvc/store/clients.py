"""The applications that people sign in to, as the store holds them (RFC 6749, section 2). Reads only."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from authsvc.domain.clients import Client, ClientState
from authsvc.store.executor import Executor
from authsvc.store.schema import clients


class Clients:
    """Looks clients up. Every method raises `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        columns = [clients.c[name] for name in Client._fields]
        self._by_client_id = executor.prepare(
            select(*columns).where(clients.c.client_id == bindparam("client_id")),
        )
        self._by_id = executor.prepare(select(*columns).where(clients.c.id == bindparam("id")))
        self._all = executor.prepare(select(*columns).order_by(clients.c.client_id))
        self._post_logout_uris = executor.prepare(
            select(clients.c.post_logout_uris).where(
                clients.c.state == ClientState.ACTIVE.value, clients.c.post_logout_uris != ""
            )
        )

    async def by_client_id(self, client_id: str) -> Client | None:
        """The client that calls itself so, an inactive one too."""
        row = await self._executor.fetch_one(self._by_client_id, client_id=client_id)
        return _client(row) if row else None

    async def by_id(self, id: int) -> Client | None:  # noqa: A002 - the column's name
        """The client whose row has this number, an inactive one too."""
        row = await self._executor.fetch_one(self._by_id, id=id)
        return _client(row) if row else None

    async def all(self) -> list[Client]:
        """Every client, by its client id."""
        return [_client(row) for row in await self._executor.fetch_all(self._all)]

    async def post_logout_allowed(self, uri: str) -> bool:
        """Whether some active client may have people sent to exactly this URI once they are signed out.

        This goes through the clients that have such URIs: an operator registers each, so there are not many.
        """
        rows = await self._executor.fetch_all(self._post_logout_uris)
        return bool(uri) and any(uri in uris.split("\n") for (uris,) in rows)


def _client(row: tuple[object, ...]) -> Client:
    client = Client._make(row)
    return client._replace(native=bool(client.native), trusted=bool(client.trusted))

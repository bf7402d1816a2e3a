"""The sessions of impersonators: each on an agent of its own, which no browser has."""

from __future__ import annotations

from authsvc.domain.ids import IdSource
from authsvc.domain.sessions import SignIn
from authsvc.store.executor import Transaction
from authsvc.store.schema import user_agents
from authsvc.store.writes import Writes

_DESCRIPTION = "Impersonation"


class Impersonations:
    """Begins sessions of impersonators."""

    def __init__(self, writes: Writes, ids: IdSource | None = None) -> None:
        self._writes = writes
        self._ids = ids or IdSource()

    async def begin(self, tx: Transaction, user_id: int, sign_in: SignIn) -> int:
        """The id of a new session of the user, as `sign_in` says.

        Raises:
            Refused: the user cannot sign in.
        """
        agent_id = self._ids.next()
        await self._writes.put(tx, user_agents, {"id": agent_id, "description": _DESCRIPTION})
        return await self._writes.open_session_in(tx, user_id, agent_id, sign_in)

"""What applying a directory file did."""

from __future__ import annotations

from collections import Counter

from authsvc.store.writes import Outcome

_MANY = {
    "orgs": "orgs",
    "projects": "projects",
    "project_grants": "project grants",
    "users": "users",
    "user_agents": "agents",
    "sessions": "sessions",
    "user_grants": "user grants",
    "api_keys": "API keys",
    "machine_keys": "machine keys",
    "clients": "clients",
}


class Report:
    """How many entries of each table were created, changed and left as they were."""

    def __init__(self) -> None:
        self.created: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self.unchanged: Counter[str] = Counter()

    def count(self, table: str, outcome: Outcome, number: int = 1) -> None:
        """Count so many entries."""
        counter: Counter[str] = getattr(self, outcome)
        counter[table] += number

    def __str__(self) -> str:
        """One line, such as `3 orgs, 1 user created; 1 session changed; 7 entries unchanged`."""
        parts = [f"{_listed(self.created)} created"] * bool(self.created.total())
        parts += [f"{_listed(self.changed)} changed"] * bool(self.changed.total())
        unchanged = self.unchanged.total()
        if not parts:
            return "nothing to change"
        parts += [f"{_number(unchanged, 'entries', 'entry')} unchanged"] * bool(unchanged)
        return "; ".join(parts)


def _listed(counter: Counter[str]) -> str:
    return ", ".join(
        _number(counter[table], many, many.removesuffix("s")) for table, many in _MANY.items() if counter[table]
    )


def _number(count: int, many: str, one: str) -> str:
    return f"{count} {one if count == 1 else many}"

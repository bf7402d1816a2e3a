"""A database with people who sign in, and what signs them in, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyotp

from authsvc.domain.accounts import Visitor
from authsvc.domain.authorizations import Terms
from authsvc.domain.clock import SECOND
from authsvc.identity.passwords import Passwords, Verdict
from authsvc.oauth.guessing import Attempts
from authsvc.oauth.sealing import Sealing
from authsvc.oauth.second_factor import STEP, seal_secret
from authsvc.oauth.sign_in import Begun, SecondFactor, SignIns
from authsvc.store import schema
from authsvc.store.attempts import Attempts as StoredAttempts
from authsvc.store.executor import Executor, Prepared
from authsvc.store.sign_ins import Accounts
from authsvc.store.writes import Writes

START = 1_700_000_000 * SECOND
ORG, GIGI, OLLI, ROBOT, IDLE, FRED, ELSE = 1, 10, 11, 12, 13, 14, 15
PASSWORD = "correct horse battery"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
VISITOR = Visitor("192.0.2.7", CHROME)
DAY = 86_400 * SECOND
TERMS = Terms("https://auth.example", 3600 * SECOND, 30 * DAY, 7 * DAY, 30 * DAY, 7 * DAY)


class PlainPasswords(Passwords):
    """Checks passwords in no time, and counts how often."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0

    async def verify(self, password_hash: str | None, password: str) -> Verdict:
        """Whether the hash is the one that `hash` makes."""
        self.checks += 1
        return Verdict(password_hash == f"plain {password}", is_outdated=False)

    async def hash(self, password: str) -> str:
        """The password itself."""
        return f"plain {password}"


@dataclass
class People:
    """Gigi has a password; so has Olli, and a second factor; the robot, Idle, Fred and Else cannot sign in.

    Idle's account is inactive, Fred has no password, Else's organization is not active.
    """

    executor: Executor
    at: int = START
    passwords: Passwords = field(default_factory=PlainPasswords)

    def __post_init__(self) -> None:
        self.writes = Writes(self.executor, self.now)
        self.accounts = Accounts(self.executor, self.writes, self.now)
        self.seals = Sealing(bytes(32))
        self.attempts: Attempts = StoredAttempts(self.executor, self.seals, self.now)
        self.restart()

    def restart(self) -> None:
        """Begin anew, as another process would."""
        self.sign_ins = SignIns(self.accounts, self.attempts, self.passwords, self.seals, TERMS, self.now)

    def now(self) -> int:
        """The time."""
        return self.at

    async def fill(self) -> People:
        """Put everybody into the database."""
        password_hash = await self.passwords.hash(PASSWORD)
        totp = seal_secret(self.seals, OLLI, TOTP_SECRET)
        people: dict[int, dict[str, Any]] = {
            GIGI: {"login": "gigi", "password_hash": password_hash},
            OLLI: {"login": "olli", "password_hash": password_hash, "totp": totp},
            ROBOT: {"login": "robot", "type": 2, "password_hash": password_hash},
            IDLE: {"login": "idle", "state": 2, "password_hash": password_hash},
            FRED: {"login": "fred"},
            ELSE: {"login": "else", "org_id": 2, "password_hash": password_hash},
        }
        async with self.writes.transaction() as tx:
            for org_id, state, domain in ((ORG, 1, "savanna.example"), (2, 2, "desert.example")):
                await self.writes.put(tx, schema.orgs, {"id": org_id, "name": domain, "state": state}, owner=org_id)
                statement = self.writes.statement("domain", schema.org_domains.insert)
                await tx.execute(statement, name=domain, org_id=org_id, is_primary=True)
            for user_id, values in people.items():
                row = _user(user_id, values["login"]) | values
                await self.writes.put(tx, schema.users, row, owner=row["org_id"])
        return self

    async def sign_in(self, login: str = "gigi", cookie: str | None = None, password: str = PASSWORD) -> Begun:
        """Sign somebody in, with the second factor if they have one."""
        proof = await self.sign_ins.password(f"{login}@savanna.example", password, VISITOR, cookie=cookie)
        if isinstance(proof, SecondFactor):
            proof = await self.sign_ins.code(proof.pending, self.code(), VISITOR)
        return await self.sign_ins.begin(proof, cookie, VISITOR)

    def code(self, step: int = 0) -> str:
        """Olli's code now, or so many steps later."""
        return pyotp.HOTP(TOTP_SECRET).at(self.at // STEP + step)

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return list(await self.executor.fetch_all(Prepared(sql, (), {})))


def _user(user_id: int, login: str) -> dict[str, Any]:
    texts = ["first_name", "last_name", "nick_name", "preferred_language", "avatar_url", "email", "phone"]
    return {
        "id": user_id,
        "org_id": ORG,
        "type": 1,
        "state": 1,
        "user_name": login,
        "login": login,
        **dict.fromkeys([*texts, "description"], ""),
        "display_name": login.title(),
        "gender": 0,
        "email_verified": False,
        "phone_verified": False,
        "access_token_type": 0,
    }

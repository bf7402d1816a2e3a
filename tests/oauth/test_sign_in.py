"""Signing in: who gets a session, what a browser is told, and what nobody learns."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode

import pytest
from argon2.low_level import Type, hash_secret_raw
from oauth.people import (
    CHROME,
    DAY,
    ELSE,
    FRED,
    GIGI,
    IDLE,
    OLLI,
    PASSWORD,
    ROBOT,
    START,
    TERMS,
    TOTP_SECRET,
    VISITOR,
    People,
    PlainPasswords,
)
from store.engines import only_sqlite

from authsvc.domain.accounts import Browser, Proof, Visitor
from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import SignIn
from authsvc.domain.tokens import token_hash
from authsvc.errors import TooMany
from authsvc.identity import passwords as passwords_module
from authsvc.identity.passwords import Passwords, Verdict, WeakPassword
from authsvc.oauth.second_factor import PENDING_LIFE, STEP, seal_secret
from authsvc.oauth.sign_in import Impersonated, PendingOver, SecondFactor, TooManyAttempts, WrongCredentials
from authsvc.store import schema
from authsvc.store.executor import Executor

pytestmark = pytest.mark.both_engines

WRONG = "wrong horse battery"
NEW = "a quite new passphrase"


@pytest.fixture
async def people(executor: Executor) -> People:
    """Everybody, in a database of their own."""
    return await People(executor).fill()


async def _browser(people: People, cookie: str) -> Browser:
    browser = await people.sign_ins.browser(cookie)
    assert browser is not None
    return browser


async def test_password_signs_in(people: People) -> None:
    """The right password makes a session that says how and when, on a device with a name, until it idles or ends."""
    begun = await people.sign_in()
    ((*about,),) = await people.ask(
        "SELECT user_id, auth_method, ip_address, user_agent, authenticated_at, amr, expires_at, ends_at, idle_life "
        "FROM sessions"
    )
    assert about == [GIGI, 8, "192.0.2.7", CHROME, START, "pwd", START + 7 * DAY, START + 30 * DAY, 7 * DAY]
    assert await people.ask("SELECT description FROM user_agents") == [("Chrome 142 on Linux",)]
    (session,) = (await _browser(people, begun.cookie)).sessions
    assert session._asdict() == {
        "id": begun.session_id,
        "user_id": GIGI,
        "org_id": 1,
        "login_name": "gigi@savanna.example",
        "display_name": "Gigi",
        "avatar_url": "",
        "is_active": True,
        "authenticated_at": START,
        "amr": "pwd",
        "impersonator": None,
    }


async def test_session_and_browser_are_recorded(people: People) -> None:
    """A sign-in appends to `changes` that a browser and a session were made; the cookie itself is nowhere."""
    begun = await people.sign_in()
    changes = await people.ask("SELECT kind, action FROM changes ORDER BY sequence DESC LIMIT 2")
    assert changes == [("session", "created"), ("user_agent", "created")]
    assert await people.ask("SELECT cookie_hash FROM user_agents") == [(token_hash(begun.cookie),)]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("gigi@savanna.example", WRONG),
        ("gigi@savanna.example", ""),
        ("olli@savanna.example", WRONG),
        ("nobody@savanna.example", PASSWORD),
        ("gigi@elsewhere.example", PASSWORD),
        ("gigi", PASSWORD),
        ("", ""),
        ("fred@savanna.example", PASSWORD),
        ("robot@savanna.example", PASSWORD),
        ("idle@savanna.example", PASSWORD),
        ("else@desert.example", PASSWORD),
    ],
)
async def test_no_refusal_tells_why(
    executor: Executor, monkeypatch: pytest.MonkeyPatch, name: str, password: str
) -> None:
    """Whatever is wrong with a name, a password or an account: one hash is checked, as costly; the answer is one."""
    people = await People(executor, passwords=Passwords()).fill()
    checked = []
    verify = passwords_module._verify

    def counted(password_hash: str, given: str) -> bool:
        checked.append(password_hash.rsplit("$", 2)[0])
        return verify(password_hash, given)

    monkeypatch.setattr(passwords_module, "_verify", counted)
    with pytest.raises(WrongCredentials) as refused:
        await people.sign_ins.password(name, password, VISITOR)
    assert refused.value.args == ()
    assert checked == ["$argon2id$v=19$m=19456,t=2,p=1"]
    assert {GIGI, OLLI, ROBOT, IDLE, FRED, ELSE} == {row[0] for row in await people.ask("SELECT id FROM users")}


async def test_password_with_old_parameters_is_hashed_anew(executor: Executor) -> None:
    """A sign-in, or two at once, bring the hash up to date, which does not count as a change of the password."""
    people = await People(executor, passwords=Passwords()).fill()
    old = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + _cheap_hash("c29tZXNhbHRzb21lc2FsdA")
    async with people.writes.transaction() as tx:
        await people.writes.put(tx, schema.users, {"id": GIGI, "password_hash": old}, owner=1)
    await asyncio.gather(people.sign_in(), people.sign_in())
    ((new, changed_at),) = await people.ask(f"SELECT password_hash, password_changed_at FROM users WHERE id = {GIGI}")
    assert new.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert changed_at is None
    await people.sign_in()
    assert (new,) in await people.ask("SELECT password_hash FROM users")


def _cheap_hash(salt: str) -> str:
    raw = hash_secret_raw(PASSWORD.encode(), b64decode(salt + "=="), 1, 8, 1, 32, Type.ID)
    return b64encode(raw).decode().rstrip("=")


async def test_second_factor_is_asked_for(people: People) -> None:
    """Somebody with a second factor has no proof before the code, and then one that says both."""
    asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    proof = await people.sign_ins.code(asked.pending, people.code(), VISITOR)
    assert proof[:3] == (OLLI, "pwd otp mfa", people.at)


@pytest.mark.parametrize(("step", "is_right"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
async def test_code_of_a_neighbouring_step_is_right(people: People, step: int, is_right: int) -> None:
    """A telephone's clock may be wrong by one step of 30 seconds."""
    asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    if is_right:
        await people.sign_ins.code(asked.pending, people.code(step), VISITOR)
    else:
        with pytest.raises(WrongCredentials):
            await people.sign_ins.code(asked.pending, people.code(step), VISITOR)


async def test_code_is_good_once(people: People) -> None:
    """A code that has been accepted is refused, and so is that of an earlier step; a later one is accepted."""
    asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    tries = [people.sign_ins.code(asked.pending, people.code(), VISITOR) for _ in range(5)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, Proof) for outcome in outcomes) == 1
    for step in (0, -1):
        with pytest.raises(WrongCredentials):
            await people.sign_ins.code(asked.pending, people.code(step), VISITOR)
    people.at += STEP
    await people.sign_ins.code(asked.pending, people.code(), VISITOR)


async def test_code_comes_within_five_minutes(people: People) -> None:
    """After that the password is wanted again; so it is for something that is not ours."""
    asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    people.at += PENDING_LIFE - 1
    await people.sign_ins.code(asked.pending, people.code(), VISITOR)
    people.at += 1
    for pending in (asked.pending, "", "x", people.seals.seal("totp", "[11]")):
        with pytest.raises(PendingOver):
            await people.sign_ins.code(pending, people.code(), VISITOR)


async def test_second_factor_of_another_account_is_none(people: People) -> None:
    """A sealed secret that was copied into somebody else's row is worth nothing there."""
    ((sealed,),) = await people.ask(f"SELECT totp FROM users WHERE id = {OLLI}")
    account = await people.accounts.by_id(GIGI)
    assert account is not None
    await people.accounts.set_totp(account, sealed, end_sessions=False)
    asked = await people.sign_ins.password("gigi@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    with pytest.raises(WrongCredentials):
        await people.sign_ins.code(asked.pending, people.code(), VISITOR)


async def test_account_that_is_no_longer_usable_gets_no_session(people: People) -> None:
    """What has happened to an account since the password counts, at the code and at the session."""
    asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    proof = await people.sign_ins.password("gigi@savanna.example", PASSWORD, VISITOR)
    assert isinstance(proof, Proof)
    async with people.writes.transaction() as tx:
        for user_id in (GIGI, OLLI):
            await people.writes.put(tx, schema.users, {"id": user_id, "state": 4}, owner=1)
    with pytest.raises(WrongCredentials):
        await people.sign_ins.code(asked.pending, people.code(), VISITOR)
    with pytest.raises(WrongCredentials):
        await people.sign_ins.begin(proof, None, VISITOR)
    assert await people.ask("SELECT * FROM user_agents") == []


@pytest.mark.parametrize("changed", ["password_hash", "totp"])
async def test_proof_is_worth_nothing_after_a_change(people: People, changed: str) -> None:
    """Who knew a password, or had a second factor, gets no session with it once there is another one."""
    asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    begun = await people.sign_ins.code(asked.pending, people.code(), VISITOR)
    proof = await people.sign_ins.password("gigi@savanna.example", PASSWORD, VISITOR)
    assert isinstance(proof, Proof)
    people.at += STEP
    new = {"password_hash": await people.passwords.hash(NEW), "totp": seal_secret(people.seals, OLLI, TOTP_SECRET)}
    async with people.writes.transaction() as tx:
        for user_id in (GIGI, OLLI):
            await people.writes.put(tx, schema.users, {"id": user_id, changed: new[changed]}, owner=1)
    with pytest.raises(PendingOver):
        await people.sign_ins.code(asked.pending, people.code(), VISITOR)
    for old in (proof, begun):
        with pytest.raises(WrongCredentials):
            await people.sign_ins.begin(old, None, VISITOR)
    assert await people.ask("SELECT * FROM sessions") == await people.ask("SELECT * FROM user_agents") == []


async def test_busy_server_uses_nothing_up(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that nobody could check was not tried; nor does one fail for want of time to hash it anew."""
    verify = people.passwords.verify

    async def busy(*_: object) -> None:
        raise TooMany("Too many requests.")

    async def outdated(*about: str) -> Verdict:
        return (await verify(*about))._replace(is_outdated=True)

    monkeypatch.setattr(people.passwords, "verify", busy)
    for _ in range(11):
        with pytest.raises(TooManyAttempts):
            await people.sign_in()
    monkeypatch.setattr(people.passwords, "verify", outdated)
    monkeypatch.setattr(people.passwords, "hash", busy)
    await people.sign_in()


async def test_planted_cookie_is_worth_nothing(people: People) -> None:
    """The cookie with which somebody signs in is dead afterwards, known before or not."""
    planted = (await people.sign_in("olli")).cookie
    begun = await people.sign_in("gigi", planted)
    assert begun.cookie != planted
    assert await people.sign_ins.browser(planted) is None
    unknown = "A" * 43
    assert (await people.sign_in("gigi", unknown)).cookie != unknown
    assert await people.sign_ins.browser(unknown) is None


async def test_signing_in_again_renews_the_session(people: People) -> None:
    """In one browser a person keeps their session: its id, how it came about; it is as fresh as the new sign-in."""
    first = await people.sign_in()
    people.at += DAY
    visitor = Visitor("198.51.100.1", "other")
    proof = await people.sign_ins.password("gigi@savanna.example", PASSWORD, visitor, cookie=first.cookie)
    assert isinstance(proof, Proof)
    second = await people.sign_ins.begin(proof._replace(amr="pwd otp mfa"), first.cookie, visitor)
    assert second.session_id == first.session_id
    assert await people.ask("SELECT ip_address, authenticated_at, amr, expires_at, ends_at FROM sessions") == [
        ("192.0.2.7", people.at, "pwd otp mfa", people.at + 7 * DAY, people.at + 30 * DAY)
    ]
    assert await people.ask("SELECT action FROM changes WHERE kind = 'session'") == [("created",), ("changed",)]


@pytest.mark.parametrize("end", ["sign-out", "time"])
async def test_session_that_is_over_is_not_renewed(people: People, end: str) -> None:
    """After its end, by sign-out or by time, a sign-in makes a new session in the same browser."""
    first = await people.sign_in()
    if end == "sign-out":
        await people.sign_ins.sign_out(await _browser(people, first.cookie), first.session_id)
    else:
        people.at += TERMS.session_idle
    second = await people.sign_in(cookie=first.cookie)
    assert second.session_id != first.session_id
    (session,) = (await _browser(people, second.cookie)).sessions
    assert (session.id, session.is_active) == (second.session_id, True)


async def test_impersonators_session_is_not_renewed(people: People) -> None:
    """A person who signs in where somebody signed in as them gets a session of their own."""
    cookie = (await people.sign_in("olli")).cookie
    agent_id = (await _browser(people, cookie)).agent_id
    about = SignIn(impersonator_email="root@savanna.example", impersonator_reason="looks")
    impersonated = await people.writes.open_session(GIGI, agent_id, about)
    (session, _) = (await _browser(people, cookie)).sessions
    assert (session.id, session.impersonator) == (impersonated, "root@savanna.example")
    assert (await people.sign_in("gigi", cookie)).session_id != impersonated


async def test_browser_knows_the_newest_session_of_each_user(people: People) -> None:
    """An account chooser shows everybody once, the newest first, and who can go on without a password."""
    begun = await people.sign_in()
    gone = await _browser(people, begun.cookie)
    await people.sign_ins.sign_out(gone, begun.session_id)
    people.at += SECOND
    begun = await people.sign_in("olli", begun.cookie)
    people.at += SECOND
    begun = await people.sign_in("gigi", begun.cookie)
    shown = [(session.user_id, session.is_active) for session in (await _browser(people, begun.cookie)).sessions]
    assert shown == [(GIGI, True), (OLLI, True)]
    people.at += TERMS.session_idle
    assert not any(session.is_active for session in (await _browser(people, begun.cookie)).sessions)


@pytest.mark.parametrize(("table", "values"), [("users", {"id": GIGI, "state": 2}), ("orgs", {"id": 1, "state": 2})])
async def test_session_of_an_unusable_account_is_not_active(people: People, table: str, values: dict[str, int]) -> None:
    """Somebody whose account or organization is switched off cannot go on without a password."""
    begun = await people.sign_in()
    async with people.writes.transaction() as tx:
        await people.writes.put(tx, schema.metadata.tables[table], values, owner=1)
    browser = await _browser(people, begun.cookie)
    assert [session.is_active for session in browser.sessions] == [False]
    assert browser.session(begun.session_id) is None


async def test_browsers_do_not_see_each_other(people: People) -> None:
    """One browser knows nothing of the sessions of another, and cannot end them."""
    mine, yours = await people.sign_in(), await people.sign_in("olli")
    browser = await _browser(people, mine.cookie)
    assert [session.id for session in browser.sessions] == [mine.session_id]
    await people.sign_ins.sign_out(browser, yours.session_id)
    assert (await _browser(people, yours.cookie)).session(yours.session_id) is not None
    assert await people.sign_ins.browser(None) is None
    assert await people.sign_ins.browser("A" * 43) is None


async def test_sign_out_ends_one_or_all(people: People) -> None:
    """One session of a browser ends and the others go on, until all end."""
    first = await people.sign_in()
    second = await people.sign_in("olli", first.cookie)
    elsewhere = await people.sign_in()
    browser = await _browser(people, second.cookie)
    await people.sign_ins.sign_out(browser, first.session_id)
    await people.sign_ins.sign_out(browser, first.session_id)
    assert await people.ask("SELECT id FROM sessions WHERE state = 2") == [(first.session_id,)]
    await people.sign_ins.sign_out_all(browser)
    assert await people.ask("SELECT id FROM sessions WHERE state = 1") == [(elsewhere.session_id,)]
    assert await people.ask("SELECT count(*) FROM changes WHERE action = 'terminated'") == [(2,)]


@only_sqlite
async def test_guesses_are_bounded(people: People) -> None:
    """Guesses at one account are ten at once and one every half minute, from wherever, also after a restart."""
    assert isinstance(people.passwords, PlainPasswords)
    for number in range(10_000):
        visitor = Visitor(f"198.18.{number // 250}.{number % 250}")
        with pytest.raises((TooManyAttempts, WrongCredentials)):
            await people.sign_ins.password("gigi@savanna.example", WRONG, visitor)
        if number % 1000 == 0:
            people.restart()
        people.at += 59 * SECOND // 10_000
    assert people.passwords.checks == 11
    with pytest.raises(TooManyAttempts):
        await people.sign_ins.password("gigi@savanna.example", PASSWORD, VISITOR)


async def test_parallel_guesses_are_bounded(people: People) -> None:
    """A hundred guesses at once are no more than the bucket holds."""
    tries = [people.sign_ins.password("gigi@savanna.example", WRONG, VISITOR) for _ in range(100)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, WrongCredentials) for outcome in outcomes) == 10


async def test_name_without_account_is_guessed_no_more_often(people: People) -> None:
    """Refusals for too many guesses do not tell whether there is an account."""
    for name in ("gigi@savanna.example", "nobody@savanna.example"):
        outcomes = []
        for _ in range(12):
            with pytest.raises((WrongCredentials, TooManyAttempts)) as refused:
                await people.sign_ins.password(name, WRONG, VISITOR)
            outcomes.append(refused.type)
        assert outcomes == [WrongCredentials] * 10 + [TooManyAttempts] * 2


async def test_one_address_guesses_at_many_accounts(people: People) -> None:
    """Fifty accounts may be tried at once from one address, or from one IPv6 network; others are not held up."""
    for address in ("192.0.2.7", "2001:db8::1"):
        for number in range(50):
            with pytest.raises(WrongCredentials):
                await people.sign_ins.password(f"{number}{address}@savanna.example", WRONG, Visitor(address))
    for address in ("192.0.2.7", "2001:db8::ffff:1"):
        with pytest.raises(TooManyAttempts) as refused:
            await people.sign_ins.password("gigi@savanna.example", PASSWORD, Visitor(address))
        assert refused.value.retry_after == 3
    for visitor in (Visitor("192.0.2.8"), Visitor("2001:db8:0:1::1"), Visitor()):
        await people.sign_ins.password("gigi@savanna.example", PASSWORD, visitor)


async def test_owner_gets_in_from_a_known_device(people: People) -> None:
    """While others guess, the right password still works where the person has been signed in; guesses count."""
    cookie = (await people.sign_in("olli")).cookie
    stranger = (await people.sign_in()).cookie
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            await people.sign_ins.password("olli@savanna.example", WRONG, VISITOR, cookie=stranger)
    for other in (None, stranger, "A" * 43):
        with pytest.raises(TooManyAttempts):
            await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR, cookie=other)
    people.at += STEP
    cookie = (await people.sign_in("olli", cookie)).cookie
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            await people.sign_ins.password("olli@savanna.example", WRONG, VISITOR, cookie=cookie)
    with pytest.raises(TooManyAttempts):
        await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR, cookie=cookie)


async def test_right_passwords_use_nothing_up(people: People) -> None:
    """Somebody may sign in as often as they like."""
    for _ in range(60):
        await people.sign_ins.password("gigi@savanna.example", PASSWORD, VISITOR)


async def test_codes_are_guessed_rarely(people: People) -> None:
    """Ten codes at once, and then one in five minutes, also with the password right each time."""
    for number in range(10):
        asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
        assert isinstance(asked, SecondFactor)
        with pytest.raises(WrongCredentials):
            await people.sign_ins.code(asked.pending, f"{number:06}", VISITOR)
    asked = await people.sign_ins.password("olli@savanna.example", PASSWORD, VISITOR)
    assert isinstance(asked, SecondFactor)
    with pytest.raises(TooManyAttempts) as refused:
        await people.sign_ins.code(asked.pending, people.code(), VISITOR)
    assert refused.value.retry_after == 300


async def test_changed_password_signs_others_out(people: People) -> None:
    """The person's other sessions end with the old password, in any browser; this one and other people's go on."""
    here, there = await people.sign_in(), await people.sign_in()
    olli = await people.sign_in("olli", there.cookie)
    session = (await _browser(people, here.cookie)).sessions[0]
    people.at += SECOND
    await people.sign_ins.change_password(session, PASSWORD, NEW, VISITOR, others=True)
    active = await people.ask("SELECT id FROM sessions WHERE state = 1 ORDER BY id")
    assert active == sorted([(here.session_id,), (olli.session_id,)])
    assert await people.ask(f"SELECT password_changed_at FROM users WHERE id = {GIGI}") == [(people.at,)]
    with pytest.raises(WrongCredentials):
        await people.sign_in()
    await people.sign_in(password=NEW)


async def test_changed_password_leaves_others_signed_in_if_wished(people: People) -> None:
    """Who says so keeps their other sessions."""
    here, there = await people.sign_in(), await people.sign_in()
    session = (await _browser(people, here.cookie)).sessions[0]
    await people.sign_ins.change_password(session, PASSWORD, NEW, VISITOR, others=False)
    assert (await _browser(people, there.cookie)).session(there.session_id) is not None


async def test_change_of_password_is_refused(people: People) -> None:
    """With a wrong old password, a weak new one, in an impersonator's session, or after ten tries nothing changes."""
    session = (await _browser(people, (await people.sign_in()).cookie)).sessions[0]
    with pytest.raises(Impersonated):
        await people.sign_ins.change_password(
            session._replace(impersonator="root@savanna.example"), PASSWORD, NEW, VISITOR, others=True
        )
    with pytest.raises(WeakPassword):
        await people.sign_ins.change_password(session, PASSWORD, "short", VISITOR, others=True)
    for _ in range(10):
        with pytest.raises(WrongCredentials):
            await people.sign_ins.change_password(session, WRONG, NEW, VISITOR, others=True)
    with pytest.raises(TooManyAttempts):
        await people.sign_ins.change_password(session, PASSWORD, NEW, VISITOR, others=True)
    await people.sign_in()


async def test_two_changes_at_once_are_one(people: People) -> None:
    """Of two new passwords for the same old one the first stands."""
    session = (await _browser(people, (await people.sign_in()).cookie)).sessions[0]
    changes = [
        people.sign_ins.change_password(session, PASSWORD, f"{NEW} {number}", VISITOR, others=True)
        for number in range(2)
    ]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [WrongCredentials]

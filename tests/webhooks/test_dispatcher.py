from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from authsvc_workos.user_management.v1.events_pb2 import Event
from webhooks.endpoints import Endpoint
from webhooks.stage import Scripted, Stage, is_signed

from authsvc.api.convert_workos import event_id, fill_event
from authsvc.domain.clock import SECOND
from authsvc.domain.webhooks import DeliveryState
from authsvc.doors.workos import event_json
from authsvc.errors import Unavailable
from authsvc.identity.keyfile import new_key
from authsvc.store.sqlite import SqliteExecutor
from authsvc.webhooks import dispatcher as module
from authsvc.webhooks.dispatcher import AT_ONCE, EACH, KEPT, LEASE
from authsvc.webhooks.keys import fingerprint, key_file
from authsvc.webhooks.outcome import Outcome
from authsvc.webhooks.schedule import PAUSES

Make = Callable[..., Endpoint]
URL = "https://back.end.example/hook"
GOOD, BAD = Outcome(204), Outcome(500, "Internal Server Error")
PENDING, DELIVERED, FAILED = DeliveryState


async def test_an_event_arrives_as_the_list_of_events_shows_it(stage: Stage, endpoint: Make) -> None:
    """A webhook gets the event's JSON, the same bytes as `GET /events` has, with a signature that is right."""
    back_end = endpoint(statuses=(200,))
    webhook_id = await stage.create_webhook(back_end.url)
    await stage.sign_in()
    await stage.dispatch()
    (request,) = back_end.received
    (delivery,) = await stage.log()
    event = await stage.events.session_event(delivery.sequence)
    assert event is not None
    message = Event()
    fill_event(message, event)
    assert request.body == event_json(message)
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/json"
    assert is_signed(stage.secret(webhook_id), request)
    assert not is_signed(stage.secret(webhook_id + 1), request)
    assert request.headers["workos-signature"].startswith(f"t={stage.now // 1_000}, v1=")
    assert json.loads(request.body)["id"] == event_id(event)
    assert delivery._replace(id=1, sequence=1) == delivery._replace(
        id=1, sequence=1, state=DELIVERED, attempts=1, last_at=stage.now, last_status=200, last_error=None
    )


async def test_events_show_the_session_as_it_was_then(stage: Stage, endpoint: Make) -> None:
    """A session that is over when its events are sent is still active in the first of them."""
    back_end = endpoint()
    await stage.create_webhook(back_end.url)
    await stage.sign_in_and_out()
    await stage.dispatch()
    told = sorted((json.loads(request.body) for request in back_end.received), key=lambda event: str(event["id"]))
    assert [(event["object"], event["event"]) for event in told] == [
        ("event", "session.created"),
        ("event", "session.revoked"),
    ]
    created, revoked = (event["data"] for event in told)
    assert (created["status"], created["ended_at"]) == ("active", None)
    assert revoked["status"] == "revoked"
    assert revoked["ended_at"] == told[1]["created_at"]
    assert [event["data"]["updated_at"] for event in told] == [event["created_at"] for event in told]


async def test_a_webhook_gets_what_it_asked_for(stage: Stage) -> None:
    """Each webhook is told of its events only, and of none from before it was made."""
    await stage.sign_in_and_out()
    await stage.create_webhook(f"{URL}/revoked", ("session.revoked",))
    await stage.create_webhook(f"{URL}/all")
    await stage.sign_in_and_out()
    sender = Scripted(GOOD)
    await stage.dispatch(sender)
    told = sorted((url.removeprefix(URL), json.loads(body)["event"]) for url, body, _ in sender.sent)
    assert told == [("/all", "session.created"), ("/all", "session.revoked"), ("/revoked", "session.revoked")]


async def test_a_disabled_webhook_waits(stage: Stage) -> None:
    """A disabled webhook is sent nothing, and all that happened meanwhile when it is enabled again."""
    webhook_id = await stage.create_webhook(URL)
    await stage.deliveries.set_disabled(webhook_id, disabled=True)
    await stage.sign_in_and_out()
    sender = Scripted(GOOD)
    await stage.dispatch(sender)
    assert sender.sent == []
    await stage.deliveries.set_disabled(webhook_id, disabled=False)
    await stage.dispatch(sender)
    assert len(sender.sent) == 2


async def test_six_retries_in_three_days_and_then_it_has_failed(stage: Stage) -> None:
    """A delivery that fails is tried six times more, each after its pause and not before, and then no more."""
    await stage.create_webhook(URL)
    await stage.sign_in()
    began = stage.now
    sender = Scripted(BAD)
    await stage.dispatch(sender)
    for attempts, wait in enumerate(PAUSES, start=1):
        (delivery,) = await stage.log()
        assert (delivery.state, delivery.attempts) == (PENDING, attempts)
        assert (delivery.last_status, delivery.last_error) == (500, "Internal Server Error")
        assert delivery.next_at == stage.now + wait
        stage.now += wait - 1
        await stage.dispatch(sender)
        assert len(sender.sent) == attempts
        stage.now += 1
        await stage.dispatch(sender)
        assert len(sender.sent) == attempts + 1
    (delivery,) = await stage.log()
    assert (delivery.state, delivery.attempts) == (FAILED, 7)
    assert stage.now - began == pytest.approx(3 * 24 * 3600 * SECOND, rel=0.02)
    stage.now += 1_000 * PAUSES[-1]
    await stage.dispatch(sender)
    assert len(sender.sent) == 7


async def test_a_failed_delivery_can_be_sent_again(stage: Stage) -> None:
    """An operator puts a failed delivery back; it is tried at once, and signed anew."""
    await stage.create_webhook(URL)
    await stage.sign_in()
    sender = Scripted(*[BAD] * 7, GOOD)
    for wait in (0, *PAUSES):
        stage.now += wait
        await stage.dispatch(sender)
    (delivery,) = await stage.log()
    assert delivery.state == FAILED
    assert await stage.deliveries.retry(delivery.id)
    stage.now += SECOND
    await stage.dispatch(sender)
    assert (await stage.log())[0].state == DELIVERED
    (_, first, _), *_, (_, last, signature) = sender.sent
    assert last == first
    assert signature.startswith(f"t={stage.now // 1_000}, ")


async def test_success_after_a_failure_ends_it(stage: Stage, endpoint: Make) -> None:
    """A back end that fails once and then answers has the event, and the record says how often it was tried."""
    back_end = endpoint(statuses=(503, 200))
    await stage.create_webhook(back_end.url)
    await stage.sign_in()
    await stage.dispatch()
    stage.now += PAUSES[0]
    await stage.dispatch()
    (delivery,) = await stage.log()
    assert (delivery.state, delivery.attempts, delivery.last_status) == (DELIVERED, 2, 200)
    assert delivery.last_error is None


async def test_two_dispatchers_send_everything_once(
    stage: Stage, other_executor: SqliteExecutor, endpoint: Make
) -> None:
    """Two processes on one database share the events: each is sent, and sent once."""
    back_end = endpoint(hang=0.01)
    await stage.create_webhook(back_end.url)
    await stage.sign_in_and_out(40)
    both = [stage.dispatcher(), stage.dispatcher(executor=other_executor)]
    for dispatcher in both:
        dispatcher.start()
    await asyncio.to_thread(back_end.wait_for, 80)
    await asyncio.gather(*(dispatcher.stop(10) for dispatcher in both))
    sent = [json.loads(request.body)["id"] for request in back_end.received]
    assert len(sent) == 80
    assert len(set(sent)) == 80
    assert {delivery.state for delivery in await stage.log()} == {DELIVERED}


async def test_what_a_crash_leaves_behind_is_sent_when_its_claim_ends(stage: Stage) -> None:
    """A delivery claimed by a process that is no more is sent by another one, though not before the claim is over."""
    await stage.create_webhook(URL)
    await stage.sign_in()
    await stage.deliveries.enqueue((await stage.deliveries.webhooks())[0], 10)
    assert len(await stage.deliveries.claim(stage.now, LEASE, 10, lambda _: 10)) == 1
    sender = Scripted(GOOD)
    stage.now += LEASE - 1
    await stage.dispatch(sender)
    assert sender.sent == []
    stage.now += 1
    await stage.dispatch(sender)
    assert len(sender.sent) == 1
    assert (await stage.log())[0].attempts == 1


async def test_a_dead_endpoint_does_not_hold_up_another(stage: Stage, endpoint: Make) -> None:
    """While attempts for one webhook hang, those for another go on, also when more is owed to the first."""
    dead, live = endpoint(hang=60), endpoint()
    await stage.create_webhook(dead.url)
    await stage.sign_in_and_out(AT_ONCE)
    await stage.create_webhook(live.url)
    await stage.sign_in_and_out(AT_ONCE // 2)
    dispatcher = stage.dispatcher()
    dispatcher.start()
    began = time.monotonic()
    await asyncio.to_thread(live.wait_for, AT_ONCE, 8)
    assert time.monotonic() - began < 8
    assert len(dead.received) == EACH
    await dispatcher.stop(0)
    assert len({request.body for request in live.received}) == AT_ONCE


async def test_a_webhook_deleted_while_something_is_owed_to_it(stage: Stage) -> None:
    """Deleting a webhook ends its deliveries, the one under way included, and troubles nobody."""

    class Deleting(Scripted):
        async def send(self, url: str, body: bytes, signature: str) -> Outcome:
            await stage.deliveries.delete_webhook(webhook_id)
            return await super().send(url, body, signature)

    webhook_id = await stage.create_webhook(URL)
    await stage.sign_in()
    sender = Deleting(BAD)
    await stage.dispatch(sender)
    stage.now += 10 * PAUSES[-1]
    await stage.dispatch(sender)
    assert len(sender.sent) == 1
    assert await stage.log() == []


async def test_stopping_gives_attempts_a_moment(stage: Stage, endpoint: Make) -> None:
    """An attempt that ends within the time allowed at the stop is recorded."""
    slow = endpoint(hang=0.5)
    await stage.create_webhook(slow.url)
    await stage.sign_in()
    dispatcher = stage.dispatcher()
    dispatcher.start()
    await asyncio.to_thread(slow.wait_for, 1)
    await dispatcher.stop(10)
    assert (await stage.log())[0].state == DELIVERED


async def test_stopping_does_not_wait_for_ever(stage: Stage, endpoint: Make) -> None:
    """An attempt that takes longer is given up at the stop, and made again when its claim ends."""
    slow = endpoint(hang=60)
    await stage.create_webhook(slow.url)
    await stage.sign_in()
    dispatcher = stage.dispatcher()
    dispatcher.start()
    await asyncio.to_thread(slow.wait_for, 1)
    began = time.monotonic()
    await dispatcher.stop(0.2)
    assert time.monotonic() - began < 5
    (delivery,) = await stage.log()
    assert (delivery.state, delivery.attempts) == (PENDING, 0)
    stage.now += LEASE
    await stage.dispatch(sender := Scripted(GOOD))
    assert len(sender.sent) == 1


async def test_after_the_stop_nothing_is_sent(stage: Stage) -> None:
    """A dispatcher that was stopped begins and claims nothing, and lets go of its connections."""
    await stage.create_webhook(URL)
    await stage.sign_in()
    sender = Scripted(GOOD)
    dispatcher = stage.dispatcher(sender)
    await dispatcher.turn()
    await dispatcher.stop(10)
    assert sender.closed
    await stage.sign_in_and_out()
    await dispatcher.turn()
    await asyncio.sleep(0.1)
    assert len(sender.sent) == 1
    assert len(await stage.deliveries.claim(stage.now, LEASE, 10, lambda _: 10)) == 1  # that the session is over


async def test_a_stop_in_the_middle_of_a_turn(stage: Stage) -> None:
    """What was claimed, and not begun when the stop came, is not begun any more; it is sent when its claim ends."""
    await stage.create_webhook(URL)
    await stage.sign_in()
    sender = Scripted(GOOD)
    dispatcher = stage.dispatcher(sender)
    opening, may_open = threading.Event(), threading.Event()

    def slowly() -> Scripted:
        opening.set()
        may_open.wait(10)
        return sender

    dispatcher._open_sender = slowly
    dispatcher.start()
    await asyncio.to_thread(opening.wait, 10)
    stopping = asyncio.create_task(dispatcher.stop(10))
    await asyncio.sleep(0.05)
    may_open.set()
    await stopping
    assert (sender.sent, sender.closed) == ([], True)
    stage.now += LEASE
    await stage.dispatch(sender)
    assert len(sender.sent) == 1


async def test_no_sender_without_something_to_send(stage: Stage) -> None:
    """The HTTP client is made when there is something to send, and not before."""
    opened = []
    dispatcher = stage.dispatcher()

    def opening() -> Scripted:
        opened.append(1)
        return Scripted(GOOD)

    dispatcher._open_sender = opening
    await dispatcher.turn()
    await stage.create_webhook(URL)
    await dispatcher.turn()
    assert opened == []
    await stage.sign_in_and_out()
    await dispatcher.turn()
    await dispatcher.turn()
    assert opened == [1]
    await dispatcher.stop(10)


async def test_a_database_that_does_not_answer_is_told_once(stage: Stage, logs: list[Any]) -> None:
    """While the store fails, the log says so once; when it answers again, everything goes on."""
    await stage.create_webhook(URL)
    sender = Scripted(GOOD)
    dispatcher = stage.dispatcher(sender)
    answers = dispatcher._deliveries.webhooks
    failures = 0

    async def failing() -> Any:
        nonlocal failures
        failures += 1
        raise Unavailable("Errors.Store.Unavailable") from OSError("disk I/O error")

    dispatcher._deliveries.webhooks = failing  # type: ignore[method-assign]
    dispatcher.start()
    await _until(lambda: failures >= 2)
    await stage.sign_in()
    dispatcher._deliveries.webhooks = answers  # type: ignore[method-assign]
    await _until(lambda: bool(sender.sent))
    await dispatcher.stop(10)
    told = [(entry["event"], entry.get("reason")) for entry in logs if entry["event"] != "delivery"]
    assert told == [("webhooks wait", "the database does not answer: disk I/O error"), ("webhooks go on", None)]


async def test_what_nobody_foresaw_does_not_end_it(stage: Stage, logs: list[Any]) -> None:
    """A failure of a kind that nobody thought of is logged with its traceback, once, and the next turn comes."""
    await stage.create_webhook(URL)
    sender = Scripted(GOOD)
    dispatcher = stage.dispatcher(sender)
    await stage.sign_in()
    tries = 0

    def opening() -> Scripted:
        nonlocal tries
        tries += 1
        if tries < 3:
            stage.now += LEASE  # for the claim that comes to nothing
            raise ZeroDivisionError
        return sender

    dispatcher._open_sender = opening
    dispatcher.start()
    await _until(lambda: bool(sender.sent))
    await dispatcher.stop(10)
    assert sum("ZeroDivisionError" in entry.get("exception", "") for entry in logs) == 1


async def test_without_the_key_nothing_is_lost(stage: Stage, logs: list[Any]) -> None:
    """While the key file cannot be used nothing is sent, which the log says; then everything is sent, signed."""
    webhook_id = await stage.create_webhook(URL)
    await stage.sign_in()
    stage.key_file.chmod(0o644)
    sender = Scripted(GOOD)
    dispatcher = stage.dispatcher(sender)
    dispatcher.start()
    await _until(lambda: bool(logs))
    assert logs[0]["event"] == "webhooks wait"
    assert logs[0]["reason"].startswith("webhook_key_file: others can read or change ")
    stage.key_file.chmod(0o600)
    await _until(lambda: bool(sender.sent))
    await dispatcher.stop(10)
    (delivery,) = await stage.log()
    assert (delivery.webhook_id, delivery.attempts) == (webhook_id, 1)


async def test_nothing_is_signed_with_another_key(stage: Stage, logs: list[Any]) -> None:
    """While the key file holds another key, the log says so and nothing is sent; with the right one it goes on."""
    await stage.create_webhook(URL)
    await stage.sign_in()
    right, wrong = stage.key_file.read_bytes(), new_key()
    key_file(stage.key_file).replace(wrong)
    dispatcher = stage.dispatcher(sender := Scripted(GOOD))
    dispatcher.start()
    await _until(lambda: bool(logs))
    assert logs[0]["event"] == "webhooks wait"
    assert logs[0]["reason"].startswith(
        f"webhook_key_file: {stage.key_file} is not the key of the webhooks there are; "
    )
    assert sender.sent == []
    key_file(stage.key_file).replace(right)
    await _until(lambda: bool(sender.sent))
    await dispatcher.stop(10)


async def test_a_new_key_counts_at_once(stage: Stage, endpoint: Make) -> None:
    """What is sent after the key was changed for all is signed with the new one."""
    back_end = endpoint()
    webhook_id = await stage.create_webhook(back_end.url)
    before, key = stage.secret(webhook_id), new_key()
    await stage.deliveries.set_key(fingerprint(key), lambda: key_file(stage.key_file).replace(key))
    await stage.sign_in()
    await stage.dispatch()
    (request,) = back_end.received
    assert is_signed(stage.secret(webhook_id), request)
    assert not is_signed(before, request)


async def test_a_long_backlog_does_not_wait_for_the_next_look(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is more than is dealt with at once, it goes on without a rest."""
    monkeypatch.setattr(module, "_CHANGES", 2)
    await stage.create_webhook(URL)
    await stage.sign_in_and_out(4)
    dispatcher = stage.dispatcher(sender := Scripted(GOOD))
    dispatcher._tick = 60
    dispatcher.start()
    await _until(lambda: len(sender.sent) == 8)
    await dispatcher.stop(10)


async def test_the_log_is_kept_for_thirty_days(stage: Stage) -> None:
    """Deliveries settled longer ago are forgotten, looked for once an hour, also while the webhook is disabled."""
    webhook_id = await stage.create_webhook(URL)
    await stage.sign_in()
    dispatcher = stage.dispatcher(Scripted(GOOD))
    await dispatcher.turn()
    await asyncio.wait(dispatcher._flights)
    assert [delivery.state for delivery in await stage.log()] == [DELIVERED]
    await stage.deliveries.set_disabled(webhook_id, disabled=True)
    stage.now += KEPT
    await dispatcher.turn()
    assert len(await stage.log()) == 1
    stage.now += 3599 * SECOND
    await dispatcher.turn()
    assert len(await stage.log()) == 1
    stage.now += SECOND
    await dispatcher.turn()
    assert await stage.log() == []
    await dispatcher.stop(10)


async def test_an_event_that_cannot_be_sent_is_an_attempt(stage: Stage, logs: list[Any]) -> None:
    """A fault of our own counts as an attempt, so that it does not come back each minute for ever."""

    class Broken(Scripted):
        async def send(self, url: str, body: bytes, signature: str) -> Outcome:
            raise ZeroDivisionError

    await stage.create_webhook(URL)
    await stage.sign_in()
    await stage.dispatch(Broken())
    (delivery,) = await stage.log()
    assert (delivery.state, delivery.attempts, delivery.last_error) == (PENDING, 1, "internal error; see the log")
    assert "ZeroDivisionError" in logs[0]["exception"]


async def test_no_secret_is_logged_or_stored(stage: Stage, endpoint: Make, logs: list[Any]) -> None:
    """Neither the key nor a secret, nor what a back end answers, is in the log or in the database's files."""
    back_end = endpoint(statuses=(500, 200), body=b"canary", headers={"x-canary": "canary"})
    webhook_id = await stage.create_webhook(f"{back_end.url}?token=hidden")
    await stage.sign_in()
    await stage.dispatch()
    stage.now += PAUSES[0]
    await stage.dispatch()
    assert [entry["event"] for entry in logs] == ["delivery", "delivery"]
    key = stage.key_file.read_bytes()
    stored = b"".join(path.read_bytes() for path in stage.executor._path.parent.glob("authsvc.db*"))
    written = stored + repr(logs).encode()
    assert str(webhook_id) in repr(logs)
    for secret in (key, key.hex().encode(), stage.secret(webhook_id).removeprefix("whsec_").encode(), b"canary"):
        assert secret not in written
    assert b"hidden" not in repr(logs).encode()


async def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - conditions of all sorts
            await asyncio.sleep(0.02)

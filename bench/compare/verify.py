"""Whether a service answers as it should, looked at before it is pressed."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from bench.compare.doors import Answer, Door, asking
from bench.compare.questions import GET_USER, Question, Tokens
from bench.compare.services import Service

_SAMPLES = 20  # tokens whose lists are compared


class VerifyError(Exception):
    """A service gave another answer than it should."""


def verify_users(door: Door, service: Service, tokens: Tokens) -> int:
    """Call GetMyUser once with every token; how many there are.

    Raises:
        VerifyError: an answer is about somebody else than the holder of the token.
    """
    with asking(door, service) as ask:
        for number in tokens.numbers():
            found = user_id(ask(GET_USER, tokens.token(number)))
            if found != str(tokens.user_id(number)):
                raise VerifyError(f"{door.value}: token {number} is answered with user {found}")
    return len(tokens.numbers())


def verify_same(
    service: Service, door: Door, reference: Service, questions: Iterable[Question], tokens: Tokens
) -> None:
    """See that a service gives the answers that `reference` gives over JSON, to tokens from all over the database.

    Raises:
        VerifyError: an answer differs.
    """
    numbers = tokens.numbers()
    some = numbers[:: max(1, len(numbers) // _SAMPLES)]
    with asking(door, service) as ask, asking(Door.JSON, reference) as ask_reference:
        for question in questions:
            for number in some:
                token = tokens.token(number)
                ours, theirs = ask_reference(question, token), ask(question, token)
                if not same(ours, theirs):
                    raise VerifyError(f"{door.value}, {question.rpc}, token {number}: {theirs} instead of {ours}")


def user_id(answer: Answer) -> str:
    """Whom an answer to GetMyUser is about."""
    found: str = answer.user.id if isinstance(answer, Message) else answer["user"]["id"]  # type: ignore[attr-defined]
    return found


def same(document: Answer, other: Answer) -> bool:
    """Whether a JSON document and another answer, a document or a message, say the same."""
    if isinstance(document, dict) and isinstance(other, Message):
        return bool(ParseDict(document, type(other)()) == other)
    return bool(document == other)

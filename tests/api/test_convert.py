from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from zitadel import auth_pb2, object_pb2, user_pb2

from authsvc.api.convert import fill_grant, fill_list_details, fill_session, fill_timestamp, fill_user
from authsvc.domain.grants import Grant, GrantPage, GrantState
from authsvc.domain.sessions import Session, SessionState
from authsvc.domain.users import AccessTokenType, Gender, User, UserState, UserType

CREATED = 1_716_579_566_478_001
CHANGED = 1_741_210_161_303_999

HUMAN = User(
    id=11,
    org_id=1,
    type=UserType.HUMAN.value,
    state=UserState.INITIAL.value,
    user_name="gigi-giraffe",
    login="gigi",
    display_name="Gigi G.",
    first_name="Gigi",
    last_name="Giraffe",
    nick_name="Gi",
    preferred_language="de-CH",
    gender=Gender.DIVERSE.value,
    avatar_url="https://a.example/g.png",
    email="gigi@a.example",
    email_verified=1,
    phone="+41 71",
    phone_verified=1,
    password_changed_at=CHANGED,
    description="not for people",
    secret_hash="not for people",
    access_token_type=AccessTokenType.JWT.value,
    sequence=7,
    created_at=CREATED,
    changed_at=CHANGED,
    last_login=CHANGED,
    domains="1b.example 0a.example",
)
NOTHING: dict[str, Any] = {
    "first_name": "",
    "last_name": "",
    "nick_name": "",
    "display_name": "",
    "preferred_language": "",
    "gender": 0,
    "avatar_url": "",
    "email": "",
    "email_verified": 0,
    "phone": "",
    "phone_verified": 0,
    "password_changed_at": None,
    "domains": None,
}
DETAILS = {
    "sequence": "7",
    "creationDate": "2024-05-24T19:39:26.478001Z",
    "changeDate": "2025-03-05T21:29:21.303999Z",
    "resourceOwner": "1",
}
MACHINE = HUMAN._replace(type=UserType.MACHINE.value, display_name="Birds", description="Mend", login="birds")
SESSION = Session(
    41, 31, SessionState.TERMINATED.value, 11, "gigi-g", "gigi", "a.example", "G", "u", 1, 7, CREATED, CHANGED
)
GRANT = Grant(61, 11, 1, 1, "Org", "a.example", 5, "Map", 8, "b\na\nc", 2, 7, CREATED, CHANGED)


def _user(user: User) -> dict[str, Any]:
    message = user_pb2.User()
    fill_user(message, user)
    return MessageToDict(message)


def test_a_person_with_everything() -> None:
    """Every field of a person arrives where it belongs, and what only programs have stays away."""
    assert _user(HUMAN) == {
        "id": "11",
        "details": DETAILS,
        "state": "USER_STATE_INITIAL",
        "userName": "gigi-giraffe",
        "loginNames": ["gigi@a.example", "gigi@b.example"],
        "preferredLoginName": "gigi@a.example",
        "human": {
            "profile": {
                "firstName": "Gigi",
                "lastName": "Giraffe",
                "nickName": "Gi",
                "displayName": "Gigi G.",
                "preferredLanguage": "de-CH",
                "gender": "GENDER_DIVERSE",
                "avatarUrl": "https://a.example/g.png",
            },
            "email": {"email": "gigi@a.example", "isEmailVerified": True},
            "phone": {"phone": "+41 71", "isPhoneVerified": True},
            "passwordChanged": "2025-03-05T21:29:21.303999Z",
        },
    }


def test_a_person_with_nothing() -> None:
    """A person of whom nothing is known still has a profile, e-mail and phone, and the language `und`."""
    found = _user(HUMAN._replace(**NOTHING))
    assert found["human"] == {"profile": {"preferredLanguage": "und"}, "email": {}, "phone": {}}
    assert "loginNames" not in found
    assert "preferredLoginName" not in found


def test_a_machine() -> None:
    """A program has its name, description, token type and whether it has a secret, and nothing of a person."""
    found = _user(MACHINE)
    assert found["machine"] == {
        "name": "Birds",
        "description": "Mend",
        "hasSecret": True,
        "accessTokenType": "ACCESS_TOKEN_TYPE_JWT",
    }
    assert "human" not in found
    assert "not for people" not in str(found)


def test_a_machine_with_nothing() -> None:
    """A program of which nothing is known is still a program."""
    bare = MACHINE._replace(display_name="", description="", secret_hash=None, access_token_type=0)
    assert _user(bare)["machine"] == {}


@pytest.mark.parametrize("secret", [None, "", "$argon2id$x"])
def test_the_secret_stays(secret: str | None) -> None:
    """Of a program's secret only its existence is told."""
    message = user_pb2.User()
    fill_user(message, MACHINE._replace(secret_hash=secret))
    assert message.machine.has_secret is (secret is not None)
    assert b"argon2" not in message.SerializeToString()


def test_a_session() -> None:
    """Every field of a session arrives where it belongs."""
    message = user_pb2.Session()
    fill_session(message, SESSION)
    assert MessageToDict(message) == {
        "sessionId": "41",
        "agentId": "31",
        "authState": "SESSION_STATE_TERMINATED",
        "userId": "11",
        "userName": "gigi-g",
        "loginName": "gigi@a.example",
        "displayName": "G",
        "details": DETAILS,
        "avatarUrl": "u",
    }


def test_a_session_without_a_domain() -> None:
    """A session of a user without a login name has none."""
    message = user_pb2.Session()
    fill_session(message, SESSION._replace(domain=None))
    assert message.login_name == ""


def test_a_grant() -> None:
    """Every field of a grant arrives where it belongs, its roles twice and in their order."""
    message = auth_pb2.UserGrant()
    fill_grant(message, GRANT)
    assert MessageToDict(message) == {
        "orgId": "1",
        "projectId": "5",
        "userId": "11",
        "roles": ["b", "a", "c"],
        "orgName": "Org",
        "grantId": "61",
        "details": DETAILS,
        "orgDomain": "a.example",
        "projectName": "Map",
        "projectGrantId": "8",
        "roleKeys": ["b", "a", "c"],
        "userType": "TYPE_HUMAN",
        "state": "USER_GRANT_STATE_INACTIVE",
    }


def test_a_bare_grant() -> None:
    """A grant of an organization's own project names no project grant; missing names are empty."""
    message = auth_pb2.UserGrant()
    fill_grant(message, GRANT._replace(project_grant_id=None, org_domain=None, role_keys=""))
    assert (message.project_grant_id, message.org_domain) == ("", "")
    assert (list(message.roles), list(message.role_keys)) == ([], [])


TIMES = {
    0: (0, 0),
    1: (0, 1_000),
    999_999: (0, 999_999_000),
    1_000_000: (1, 0),
    CREATED: (1_716_579_566, 478_001_000),
    253_402_300_799_999_999: (253_402_300_799, 999_999_000),
}


@pytest.mark.parametrize(("microseconds", "expected"), TIMES.items())
def test_times(microseconds: int, expected: tuple[int, int]) -> None:
    """Microseconds become seconds and nanoseconds, to the last digit."""
    target = Timestamp()
    fill_timestamp(target, microseconds)
    assert (target.seconds, target.nanos) == expected


def test_a_time_is_set_or_not() -> None:
    """No time leaves the field unset; the beginning of 1970 is a time like any other."""
    response = auth_pb2.GetMyUserResponse()
    fill_timestamp(response.last_login, None)
    assert not response.HasField("last_login")
    fill_timestamp(response.last_login, 0)
    assert response.HasField("last_login")


def test_list_details() -> None:
    """A list tells its total and its newest change; in a store without changes it says only the total."""
    message = object_pb2.ListDetails()
    fill_list_details(message, GrantPage(3, 9, CREATED, []))
    assert MessageToDict(message) == {
        "totalResult": "3",
        "processedSequence": "9",
        "viewTimestamp": "2024-05-24T19:39:26.478001Z",
    }
    empty = object_pb2.ListDetails()
    fill_list_details(empty, GrantPage(0, None, None, []))
    assert not empty.ListFields()


ENUMS = [
    (UserState, user_pb2.UserState, "USER_STATE_"),
    (UserType, user_pb2.Type, "TYPE_"),
    (Gender, user_pb2.Gender, "GENDER_"),
    (AccessTokenType, user_pb2.AccessTokenType, "ACCESS_TOKEN_TYPE_"),
    (SessionState, user_pb2.SessionState, "SESSION_STATE_"),
    (GrantState, user_pb2.UserGrantState, "USER_GRANT_STATE_"),
]


@pytest.mark.parametrize(("ours", "theirs", "prefix"), ENUMS, ids=[kind.__name__ for kind, _, _ in ENUMS])
def test_enums_share_their_numbers(ours: Any, theirs: Any, prefix: str) -> None:
    """Every enum of the domain has the names and numbers of the contract's."""
    expected = {name.removeprefix(prefix): number for name, number in theirs.items()}
    found = {member.name: member.value for member in ours}
    assert found | {"UNSPECIFIED": 0} == expected | {"UNSPECIFIED": 0}


def test_ids_keep_every_digit() -> None:
    """The greatest id is written out in full."""
    message = user_pb2.User()
    fill_user(message, HUMAN._replace(id=2**63 - 1, sequence=2**63 - 1))
    assert (message.id, message.details.sequence) == ("9223372036854775807", 2**63 - 1)

import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from zitadel import object_pb2 as _object_pb2
from zitadel import options_pb2 as _options_pb2
from zitadel import user_pb2 as _user_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HealthzRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthzResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMyUserRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMyUserResponse(_message.Message):
    __slots__ = ("user", "last_login")
    USER_FIELD_NUMBER: _ClassVar[int]
    LAST_LOGIN_FIELD_NUMBER: _ClassVar[int]
    user: _user_pb2.User
    last_login: _timestamp_pb2.Timestamp
    def __init__(self, user: _Optional[_Union[_user_pb2.User, _Mapping]] = ..., last_login: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListMyUserSessionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListMyUserSessionsResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _containers.RepeatedCompositeFieldContainer[_user_pb2.Session]
    def __init__(self, result: _Optional[_Iterable[_Union[_user_pb2.Session, _Mapping]]] = ...) -> None: ...

class ListMyUserGrantsRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _object_pb2.ListQuery
    def __init__(self, query: _Optional[_Union[_object_pb2.ListQuery, _Mapping]] = ...) -> None: ...

class ListMyUserGrantsResponse(_message.Message):
    __slots__ = ("details", "result")
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    details: _object_pb2.ListDetails
    result: _containers.RepeatedCompositeFieldContainer[UserGrant]
    def __init__(self, details: _Optional[_Union[_object_pb2.ListDetails, _Mapping]] = ..., result: _Optional[_Iterable[_Union[UserGrant, _Mapping]]] = ...) -> None: ...

class UserGrant(_message.Message):
    __slots__ = ("org_id", "project_id", "user_id", "roles", "org_name", "grant_id", "details", "org_domain", "project_name", "project_grant_id", "role_keys", "user_type", "state")
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    ORG_NAME_FIELD_NUMBER: _ClassVar[int]
    GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    ORG_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    PROJECT_NAME_FIELD_NUMBER: _ClassVar[int]
    PROJECT_GRANT_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_KEYS_FIELD_NUMBER: _ClassVar[int]
    USER_TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    org_id: str
    project_id: str
    user_id: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    org_name: str
    grant_id: str
    details: _object_pb2.ObjectDetails
    org_domain: str
    project_name: str
    project_grant_id: str
    role_keys: _containers.RepeatedScalarFieldContainer[str]
    user_type: _user_pb2.Type
    state: _user_pb2.UserGrantState
    def __init__(self, org_id: _Optional[str] = ..., project_id: _Optional[str] = ..., user_id: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., org_name: _Optional[str] = ..., grant_id: _Optional[str] = ..., details: _Optional[_Union[_object_pb2.ObjectDetails, _Mapping]] = ..., org_domain: _Optional[str] = ..., project_name: _Optional[str] = ..., project_grant_id: _Optional[str] = ..., role_keys: _Optional[_Iterable[str]] = ..., user_type: _Optional[_Union[_user_pb2.Type, str]] = ..., state: _Optional[_Union[_user_pb2.UserGrantState, str]] = ...) -> None: ...

import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from authsvc_workos.user_management.v1 import options_pb2 as _options_pb2
from zitadel import options_pb2 as _options_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Order(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_UNSPECIFIED: _ClassVar[Order]
    ORDER_ASC: _ClassVar[Order]
    ORDER_DESC: _ClassVar[Order]
    ORDER_NORMAL: _ClassVar[Order]

class AuthMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUTH_METHOD_UNSPECIFIED: _ClassVar[AuthMethod]
    AUTH_METHOD_CROSS_APP_AUTH: _ClassVar[AuthMethod]
    AUTH_METHOD_EXTERNAL_AUTH: _ClassVar[AuthMethod]
    AUTH_METHOD_IMPERSONATION: _ClassVar[AuthMethod]
    AUTH_METHOD_MAGIC_CODE: _ClassVar[AuthMethod]
    AUTH_METHOD_MIGRATED_SESSION: _ClassVar[AuthMethod]
    AUTH_METHOD_OAUTH: _ClassVar[AuthMethod]
    AUTH_METHOD_PASSKEY: _ClassVar[AuthMethod]
    AUTH_METHOD_PASSWORD: _ClassVar[AuthMethod]
    AUTH_METHOD_SSO: _ClassVar[AuthMethod]
    AUTH_METHOD_UNKNOWN: _ClassVar[AuthMethod]

class SessionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATUS_UNSPECIFIED: _ClassVar[SessionStatus]
    SESSION_STATUS_ACTIVE: _ClassVar[SessionStatus]
    SESSION_STATUS_EXPIRED: _ClassVar[SessionStatus]
    SESSION_STATUS_REVOKED: _ClassVar[SessionStatus]
ORDER_UNSPECIFIED: Order
ORDER_ASC: Order
ORDER_DESC: Order
ORDER_NORMAL: Order
AUTH_METHOD_UNSPECIFIED: AuthMethod
AUTH_METHOD_CROSS_APP_AUTH: AuthMethod
AUTH_METHOD_EXTERNAL_AUTH: AuthMethod
AUTH_METHOD_IMPERSONATION: AuthMethod
AUTH_METHOD_MAGIC_CODE: AuthMethod
AUTH_METHOD_MIGRATED_SESSION: AuthMethod
AUTH_METHOD_OAUTH: AuthMethod
AUTH_METHOD_PASSKEY: AuthMethod
AUTH_METHOD_PASSWORD: AuthMethod
AUTH_METHOD_SSO: AuthMethod
AUTH_METHOD_UNKNOWN: AuthMethod
SESSION_STATUS_UNSPECIFIED: SessionStatus
SESSION_STATUS_ACTIVE: SessionStatus
SESSION_STATUS_EXPIRED: SessionStatus
SESSION_STATUS_REVOKED: SessionStatus

class GetUserRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetUserResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: User
    def __init__(self, user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class GetUserByExternalIdRequest(_message.Message):
    __slots__ = ("external_id",)
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    external_id: str
    def __init__(self, external_id: _Optional[str] = ...) -> None: ...

class GetUserByExternalIdResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: User
    def __init__(self, user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("object", "id", "email", "email_verified", "first_name", "last_name", "profile_picture_url", "last_sign_in_at", "external_id", "metadata", "name", "locale", "created_at", "updated_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    EMAIL_VERIFIED_FIELD_NUMBER: _ClassVar[int]
    FIRST_NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_NAME_FIELD_NUMBER: _ClassVar[int]
    PROFILE_PICTURE_URL_FIELD_NUMBER: _ClassVar[int]
    LAST_SIGN_IN_AT_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    email: str
    email_verified: bool
    first_name: str
    last_name: str
    profile_picture_url: str
    last_sign_in_at: _timestamp_pb2.Timestamp
    external_id: str
    metadata: _containers.ScalarMap[str, str]
    name: str
    locale: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., email: _Optional[str] = ..., email_verified: _Optional[bool] = ..., first_name: _Optional[str] = ..., last_name: _Optional[str] = ..., profile_picture_url: _Optional[str] = ..., last_sign_in_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., external_id: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., name: _Optional[str] = ..., locale: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ("limit", "before", "after", "order", "email", "organization_id", "organization")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_FIELD_NUMBER: _ClassVar[int]
    limit: int
    before: str
    after: str
    order: Order
    email: str
    organization_id: str
    organization: str
    def __init__(self, limit: _Optional[int] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., order: _Optional[_Union[Order, str]] = ..., email: _Optional[str] = ..., organization_id: _Optional[str] = ..., organization: _Optional[str] = ...) -> None: ...

class ListMetadata(_message.Message):
    __slots__ = ("before", "after")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    before: str
    after: str
    def __init__(self, before: _Optional[str] = ..., after: _Optional[str] = ...) -> None: ...

class ListUsersResponse(_message.Message):
    __slots__ = ("object", "data", "list_metadata")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LIST_METADATA_FIELD_NUMBER: _ClassVar[int]
    object: str
    data: _containers.RepeatedCompositeFieldContainer[User]
    list_metadata: ListMetadata
    def __init__(self, object: _Optional[str] = ..., data: _Optional[_Iterable[_Union[User, _Mapping]]] = ..., list_metadata: _Optional[_Union[ListMetadata, _Mapping]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("id", "limit", "before", "after", "order")
    ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    id: str
    limit: int
    before: str
    after: str
    order: Order
    def __init__(self, id: _Optional[str] = ..., limit: _Optional[int] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., order: _Optional[_Union[Order, str]] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("object", "data", "list_metadata")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LIST_METADATA_FIELD_NUMBER: _ClassVar[int]
    object: str
    data: _containers.RepeatedCompositeFieldContainer[Session]
    list_metadata: ListMetadata
    def __init__(self, object: _Optional[str] = ..., data: _Optional[_Iterable[_Union[Session, _Mapping]]] = ..., list_metadata: _Optional[_Union[ListMetadata, _Mapping]] = ...) -> None: ...

class Impersonator(_message.Message):
    __slots__ = ("email", "reason")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    email: str
    reason: str
    def __init__(self, email: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("object", "id", "impersonator", "ip_address", "organization_id", "user_agent", "user_id", "auth_method", "status", "expires_at", "ended_at", "created_at", "updated_at")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    IMPERSONATOR_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    AUTH_METHOD_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    impersonator: Impersonator
    ip_address: str
    organization_id: str
    user_agent: str
    user_id: str
    auth_method: AuthMethod
    status: SessionStatus
    expires_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., impersonator: _Optional[_Union[Impersonator, _Mapping]] = ..., ip_address: _Optional[str] = ..., organization_id: _Optional[str] = ..., user_agent: _Optional[str] = ..., user_id: _Optional[str] = ..., auth_method: _Optional[_Union[AuthMethod, str]] = ..., status: _Optional[_Union[SessionStatus, str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RevokeSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class RevokeSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

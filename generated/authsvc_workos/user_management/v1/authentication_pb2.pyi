from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from authsvc_workos.user_management.v1 import user_management_pb2 as _user_management_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AuthenticateRequest(_message.Message):
    __slots__ = ("grant_type", "client_id", "client_secret", "email", "password", "code", "code_verifier", "refresh_token", "organization_id", "pending_authentication_token", "authentication_challenge_id", "ip_address", "user_agent", "device_id", "signals_id", "radar_auth_attempt_id", "invitation_token", "session")
    GRANT_TYPE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    CODE_VERIFIER_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    PENDING_AUTHENTICATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATION_CHALLENGE_ID_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_ID_FIELD_NUMBER: _ClassVar[int]
    RADAR_AUTH_ATTEMPT_ID_FIELD_NUMBER: _ClassVar[int]
    INVITATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    grant_type: str
    client_id: str
    client_secret: str
    email: str
    password: str
    code: str
    code_verifier: str
    refresh_token: str
    organization_id: str
    pending_authentication_token: str
    authentication_challenge_id: str
    ip_address: str
    user_agent: str
    device_id: str
    signals_id: str
    radar_auth_attempt_id: str
    invitation_token: str
    session: _struct_pb2.Struct
    def __init__(self, grant_type: _Optional[str] = ..., client_id: _Optional[str] = ..., client_secret: _Optional[str] = ..., email: _Optional[str] = ..., password: _Optional[str] = ..., code: _Optional[str] = ..., code_verifier: _Optional[str] = ..., refresh_token: _Optional[str] = ..., organization_id: _Optional[str] = ..., pending_authentication_token: _Optional[str] = ..., authentication_challenge_id: _Optional[str] = ..., ip_address: _Optional[str] = ..., user_agent: _Optional[str] = ..., device_id: _Optional[str] = ..., signals_id: _Optional[str] = ..., radar_auth_attempt_id: _Optional[str] = ..., invitation_token: _Optional[str] = ..., session: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class AuthenticateResponse(_message.Message):
    __slots__ = ("user", "organization_id", "access_token", "refresh_token", "authentication_method", "impersonator")
    USER_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATION_METHOD_FIELD_NUMBER: _ClassVar[int]
    IMPERSONATOR_FIELD_NUMBER: _ClassVar[int]
    user: _user_management_pb2.User
    organization_id: str
    access_token: str
    refresh_token: str
    authentication_method: str
    impersonator: _user_management_pb2.Impersonator
    def __init__(self, user: _Optional[_Union[_user_management_pb2.User, _Mapping]] = ..., organization_id: _Optional[str] = ..., access_token: _Optional[str] = ..., refresh_token: _Optional[str] = ..., authentication_method: _Optional[str] = ..., impersonator: _Optional[_Union[_user_management_pb2.Impersonator, _Mapping]] = ...) -> None: ...

class GetJwksRequest(_message.Message):
    __slots__ = ("client_id",)
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    client_id: str
    def __init__(self, client_id: _Optional[str] = ...) -> None: ...

class GetJwksResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    def __init__(self, keys: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ...) -> None: ...

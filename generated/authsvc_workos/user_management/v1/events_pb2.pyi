import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from authsvc_workos.user_management.v1 import options_pb2 as _options_pb2
from authsvc_workos.user_management.v1 import user_management_pb2 as _user_management_pb2
from zitadel import options_pb2 as _options_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListEventsRequest(_message.Message):
    __slots__ = ("events", "limit", "after", "before", "order", "range_start", "range_end", "organization_id")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    RANGE_START_FIELD_NUMBER: _ClassVar[int]
    RANGE_END_FIELD_NUMBER: _ClassVar[int]
    ORGANIZATION_ID_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    after: str
    before: str
    order: _user_management_pb2.Order
    range_start: _timestamp_pb2.Timestamp
    range_end: _timestamp_pb2.Timestamp
    organization_id: str
    def __init__(self, events: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ..., after: _Optional[str] = ..., before: _Optional[str] = ..., order: _Optional[_Union[_user_management_pb2.Order, str]] = ..., range_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., organization_id: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("object", "data", "list_metadata")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    LIST_METADATA_FIELD_NUMBER: _ClassVar[int]
    object: str
    data: _containers.RepeatedCompositeFieldContainer[Event]
    list_metadata: EventListMetadata
    def __init__(self, object: _Optional[str] = ..., data: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., list_metadata: _Optional[_Union[EventListMetadata, _Mapping]] = ...) -> None: ...

class EventListMetadata(_message.Message):
    __slots__ = ("after",)
    AFTER_FIELD_NUMBER: _ClassVar[int]
    after: str
    def __init__(self, after: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("object", "id", "event", "data", "created_at")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    object: str
    id: str
    event: str
    data: _user_management_pb2.Session
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, object: _Optional[str] = ..., id: _Optional[str] = ..., event: _Optional[str] = ..., data: _Optional[_Union[_user_management_pb2.Session, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

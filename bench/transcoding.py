"""How fast the transcoding library is: ratios to protobuf's own JSON, which hold on any machine, and a few times.

    python bench/transcoding.py        # or `make bench`; ends with status 1 where a bar is missed

The two sides of a ratio take turns, so that whatever else the machine does hits both. Everything is compiled before it
is measured.
"""

# ruff: noqa: INP001 - a program, and no part of a package

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns
from typing import Any

from google.api import annotations_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.timestamp_pb2 import Timestamp
from zitadel import auth_pb2, object_pb2, user_pb2

from authsvc.transcoding import MethodNotAllowed, NoRoute, Transcoder
from authsvc.transcoding._router import Route, Router
from authsvc.transcoding.protojson import Codec

REPEATS = 60
REPEAT_NS = 1_000_000  # of one repeat, about
KIB = 1024

Work = Callable[[], Any]


@dataclass
class Row:
    """A line of the table: the times of one call, and the number that is compared with a bar."""

    name: str
    ours: float
    theirs: float | None
    unit: str
    value: float
    # At least this, or at most; None is for information.
    least: float | None = None
    most: float | None = None

    @property
    def missed(self) -> bool:
        """Whether the bar is missed."""
        return (self.least is not None and self.value < self.least) or (
            self.most is not None and self.value > self.most
        )

    def __str__(self) -> str:
        """The line."""
        theirs = "" if self.theirs is None else f"{self.theirs:.2f}"
        bar = f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}" if self.most is not None else ""
        verdict = "MISSED" if self.missed else ""
        return f"{self.name:52}{self.ours:12.2f}{theirs:>12}{self.value:10.2f} {self.unit:4}{bar:8}{verdict}".rstrip()


def measure(*works: Work) -> list[list[float]]:
    """Return the times of each, in microseconds for a call, taken in turns."""
    counts = []
    for work in works:
        work()
        start = perf_counter_ns()
        work()
        counts.append(max(1, REPEAT_NS // max(1, perf_counter_ns() - start)))
    times: list[list[float]] = [[] for _ in works]
    gc.collect()
    gc.disable()
    try:
        for _ in range(REPEATS):
            for work, count, taken in zip(works, counts, times, strict=True):
                start = perf_counter_ns()
                for _ in range(count):
                    work()
                taken.append((perf_counter_ns() - start) / count / 1000)
    finally:
        gc.enable()
    return times


def ratio(name: str, ours: Work, theirs: Work, *, least: float | None = None) -> Row:
    """How many times as fast we are."""
    mine, others = measure(ours, theirs)
    return Row(name, median(mine), median(others), "x", _times_as_long(others, mine), least=least)


def growth(name: str, small: Work, large: Work, *, most: float) -> Row:
    """How many times as long twice as much takes."""
    first, second = measure(small, large)
    return Row(name, median(second), median(first), "x", _times_as_long(second, first), most=most)


def _times_as_long(these: list[float], those: list[float]) -> float:
    # Neighbours are measured at the same speed of the machine.
    return median([this / that for this, that in zip(these, those, strict=True)])


def _time(seconds: int, nanos: int = 0) -> Timestamp:
    return Timestamp(seconds=seconds, nanos=nanos)


def user() -> auth_pb2.GetMyUserResponse:
    """Return the answer of the README's example."""
    return auth_pb2.GetMyUserResponse(
        user=user_pb2.User(
            id="69629023906488334",
            details=object_pb2.ObjectDetails(
                sequence=10,
                creation_date=_time(1_716_579_566, 478_000_000),
                change_date=_time(1_795_298_214, 295_141_000),
                resource_owner="69629023906488334",
            ),
            state=user_pb2.USER_STATE_ACTIVE,
            user_name="gigi-giraffe",
            login_names=["gigi@zitadel.com", "gigi@zitadel.zitadel.ch"],
            preferred_login_name="gigi@zitadel.com",
            human=user_pb2.Human(
                profile=user_pb2.Profile(
                    first_name="Gigi",
                    last_name="Giraffe",
                    nick_name="gigi-giraffe",
                    display_name="Gigi Giraffe",
                    preferred_language="en",
                    avatar_url="https://api.zitadel.ch/assets/v1/avatar-32432jkh4kj32",
                ),
                email=user_pb2.Email(email="gigi@zitadel.com", is_email_verified=True),
                phone=user_pb2.Phone(phone="+41 71 000 00 00", is_phone_verified=True),
            ),
        ),
        last_login=_time(1_741_209_681, 303_000_000),
    )


def grants(count: int) -> auth_pb2.ListMyUserGrantsResponse:
    """Return a page of grants."""
    page = auth_pb2.ListMyUserGrantsResponse(
        details=object_pb2.ListDetails(total_result=count, processed_sequence=1000, view_timestamp=_time(1_741_209_681))
    )
    for number in range(count):
        page.result.add(
            org_id=str(69629023906488334 + number),
            project_id="69629023906488335",
            user_id="69629023906488336",
            roles=["viewer", "editor"],
            org_name=f"Organization {number}",
            grant_id=str(79629023906488334 + number),
            details=object_pb2.ObjectDetails(
                sequence=number,
                creation_date=_time(1_716_579_566 + number, 478_000_000),
                change_date=_time(1_741_209_681, number),
                resource_owner="69629023906488334",
            ),
            org_domain=f"org-{number}.zitadel.ch",
            project_name="Portal",
            role_keys=["viewer", "editor"],
            user_type=user_pb2.TYPE_HUMAN,
            state=user_pb2.USER_GRANT_STATE_ACTIVE,
        )
    return page


def grants_of_size(codec: Codec, size: int) -> auth_pb2.ListMyUserGrantsResponse:
    """Return a page whose JSON has about so many bytes."""
    one = len(codec.encode(grants(101))) - len(codec.encode(grants(100)))
    return grants(size // one)


def templates() -> list[tuple[str, str]]:
    """Return 200 routes as a large API has them: many alike, some with what makes a search go back."""
    found = []
    for number in range(39):
        collection = f"/v1/projects/{{a}}/things{number}"
        found += [("get", collection), ("post", collection), ("get", f"{collection}/{{b}}")]
        found += [("delete", f"{collection}/{{b}}"), ("post", f"{collection}/{{b}}:cancel")]
    found += [
        ("get", "/v1/projects/{a}/locations/{b}/{name=**}"),
        ("get", "/v1/{name=organizations/*/folders/*}/{b}"),
        ("get", "/v1/projects/{a}/deep/{b}/last"),
        ("post", "/v1/*/{b}/*/{c}/{d}:go"),
        ("post", "/v1/*/{b}/*/{c}:stop"),
    ]
    return found


# What is in the tables, and what is nowhere near; the worst counts.
PATHS = [
    ("GET", "/v1/projects/p1/things38"),
    ("GET", "/v1/projects/p1/things20/i7"),
    ("POST", "/v1/projects/p1/things20/i7:cancel"),
    ("GET", "/v1/projects/p1/things20/a:b"),
    ("GET", "/v1/projects/p/locations/l/a/b/c/d"),
    ("GET", "/v1/organizations/o/folders/f/x"),
    ("GET", "/v1/projects/p/deep/a/last"),
    ("POST", "/v1/projects/p/deep/x:stop"),
    ("GET", "/v1/projects/p/deep/a/lasx"),
    ("GET", "/v1/projects/p/things38/a/b"),
    ("PUT", "/v1/projects/p1/things20/i7"),
    ("GET", "/v1/projects/p%20/things20/i%207"),
    ("HEAD", "/v1/projects/p1/things20/i7"),
    ("GET", "/nope"),
    ("GET", "/a" * 100),
]


def routed_methods() -> list[MethodDescriptor]:
    """Return an RPC for each template, and one with a query."""
    file = FileDescriptorProto(name="bench.proto", package="bench", syntax="proto3")
    message = file.message_type.add(name="Request")
    text, number = FieldDescriptorProto.TYPE_STRING, FieldDescriptorProto.TYPE_INT32
    fields = [(name, text) for name in ("a", "b", "c", "d", "name")] + [("limit", number), ("tags", text)]
    for index, (name, kind) in enumerate(fields, start=1):
        label = FieldDescriptorProto.LABEL_REPEATED if name == "tags" else FieldDescriptorProto.LABEL_OPTIONAL
        message.field.add(name=name, number=index, type=kind, label=label)
    service = file.service.add(name="Bench")
    for index, (http_method, path) in enumerate([*templates(), ("get", "/query")]):
        method = service.method.add(name=f"M{index}", input_type=".bench.Request", output_type=".bench.Request")
        setattr(method.options.Extensions[annotations_pb2.http], http_method, path)
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return list(pool.FindServiceByName("bench.Bench").methods)


def _json_rows(codec: Codec) -> list[Row]:
    me, page = user(), grants(100)
    kind, list_kind = auth_pb2.GetMyUserResponse, auth_pb2.ListMyUserGrantsResponse
    text, page_text = codec.encode(me), codec.encode(page)

    def theirs(message: Any) -> Work:
        return lambda: json_format.MessageToJson(message, indent=None)

    return [
        ratio("encode a user", lambda: codec.encode(me), theirs(me), least=3),
        ratio("decode a user", lambda: codec.decode(kind, text), lambda: json_format.Parse(text, kind()), least=3),
        ratio("encode a page of 100 grants", lambda: codec.encode(page), theirs(page)),
        ratio(
            "decode a page of 100 grants",
            lambda: codec.decode(list_kind, page_text),
            lambda: json_format.Parse(page_text, list_kind()),
        ),
    ]


def _growth_rows(codec: Codec) -> list[Row]:
    kind = auth_pb2.ListMyUserGrantsResponse
    rows = []
    for size in (64 * KIB, 128 * KIB):
        small, large = grants_of_size(codec, size), grants_of_size(codec, 2 * size)
        small_text, large_text = codec.encode(small), codec.encode(large)
        name = f"{2 * size // KIB} KiB after {size // KIB} KiB"

        def decode(text: bytes) -> Work:
            return lambda: codec.decode(kind, text)

        def encode(message: auth_pb2.ListMyUserGrantsResponse) -> Work:
            return lambda: codec.encode(message)

        rows.append(growth(f"decode, {name}", decode(small_text), decode(large_text), most=2.5))
        rows.append(growth(f"encode, {name}", encode(small), encode(large), most=2.5))
    return rows


class Routing:
    """Times of finding a route, in rounds: a time, unlike a ratio, suffers from what else the machine does."""

    def __init__(self, transcoder: Transcoder) -> None:
        """Build the router once more, for it is part of the transcoder's inside."""
        router: Router[None] = Router(
            Route(each.rule.http_method, each.template, each.method.full_name, None) for each in transcoder.endpoints
        )
        self._works = [_quietly(find, *path) for find in (_nothing, router.match, transcoder.match) for path in PATHS]
        self._times: list[list[float]] = [[] for _ in self._works]

    def round(self) -> None:
        """Measure once more."""
        for times, more in zip(self._times, measure(*self._works), strict=True):
            times.extend(more)

    def rows(self) -> list[Row]:
        """Return the lines for the worst paths, less what the loop around them takes."""
        count = len(PATHS)
        idle, *found = [self._times[start : start + count] for start in range(0, len(self._times), count)]
        routed, matched = [max(each, key=min) for each in found]
        least = min(map(min, idle))
        return [
            Row("route among 200 templates, the worst path", median(routed), None, "us", min(routed) - least, most=3.0),
            Row("the same with the call that comes of it", median(matched), None, "us", min(matched) - least),
        ]


def _quietly(find: Callable[[str, str], object], http_method: str, path: str) -> Work:
    def route() -> None:
        with suppress(NoRoute, MethodNotAllowed):
            find(http_method, path)

    return route


def _nothing(http_method: str, path: str) -> None:
    """Find nothing."""


def _query_rows(transcoder: Transcoder) -> list[Row]:
    def query(text: bytes) -> Work:
        return lambda: transcoder.match("GET", "/query", text).message()

    few, many = measure(query(b"a=x&limit=5&name=abc"), query(b"&".join([b"tags=abc"] * 1000)))
    return [
        Row("query of 3 parameters, for each", median(few), None, "us", min(few) / 3),
        Row("query of 1000 parameters, for each", median(many), None, "us", min(many) / 1000),
    ]


def main() -> int:
    """Measure, print, and say whether all bars are held."""
    codec, transcoder = Codec(), Transcoder(routed_methods())
    routing = Routing(transcoder)
    print(f"{'':52}{'ours us':>12}{'other us':>12}{'value':>10}")
    missed = False
    parts: list[Callable[[], list[Row]]] = [
        lambda: _json_rows(codec),
        lambda: _growth_rows(codec),
        lambda: _query_rows(transcoder),
        routing.rows,
    ]
    for part in parts:
        routing.round()
        for row in part():
            print(row, flush=True)
            missed |= row.missed
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

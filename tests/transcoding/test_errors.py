"""Errors: what they carry, and what they never show."""

import pytest

from authsvc.transcoding import BadRequest, MethodNotAllowed, NoRoute, RouteError


@pytest.mark.parametrize(
    ("field", "text"),
    [("query.limit", "query.limit: is out of range for uint32"), ("", "is out of range for uint32")],
)
def test_bad_request_reads_as_field_and_reason(field: str, text: str) -> None:
    """The text is the field, when there is one, and the reason."""
    assert str(BadRequest(field, "is out of range for uint32")) == text


@pytest.mark.parametrize("field", ["child." * 64 + "id", "é" * 150, "x" * 101])
def test_bad_request_text_is_bounded(field: str) -> None:
    """A deep field is reduced to its end, so that the text stays within 200 bytes; the field is whole."""
    error = BadRequest(field, "is wrong")
    assert len(str(error).encode()) <= 200
    assert str(error).startswith("...")
    assert str(error).endswith(f"{field[-5:]}: is wrong")
    assert error.field == field


def test_bad_request_text_is_bounded_by_a_long_reason_too() -> None:
    """The bound holds whatever the parts are."""
    assert len(str(BadRequest("a" * 100, "é" * 200)).encode()) <= 200


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RouteError("is wrong"), "is wrong"),
        (RouteError("is wrong", method="a.B.C"), "a.B.C: is wrong"),
        (RouteError("is wrong", method="a.B.C", template="/x", column=2), "a.B.C: /x: column 2: is wrong"),
    ],
)
def test_route_error_names_its_place(error: RouteError, text: str) -> None:
    """A start-up error names the method, the template and the column it knows."""
    assert str(error) == text


def test_routing_errors_do_not_echo_the_request() -> None:
    """A 404 and a 405 have fixed texts; the allowed methods are data."""
    assert str(NoRoute()) == "no route matches this path"
    assert MethodNotAllowed(("GET", "POST")).allowed == ("GET", "POST")

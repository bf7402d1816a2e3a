"""Path templates: the grammar of google.api.http."""

import pytest

from authsvc.transcoding._errors import RouteError
from authsvc.transcoding._template import parse


@pytest.mark.parametrize(
    ("text", "segments", "verb"),
    [
        ("/users/me/sessions/_search", ("users", "me", "sessions", "_search"), ""),
        ("/v1/{name=shelves/*/books/*}:cancel", ("v1", "shelves", "*", "books", "*"), "cancel"),
        ("/v1.0/*/**", ("v1.0", "*", "**"), ""),
        ("/**", ("**",), ""),
        ("/{a.b}", ("*",), ""),
        ("/{a=**}:go", ("**",), "go"),
        ("/a/{b=c}", ("a", "c"), ""),
        ("/caf%c3%a9/%2a", ("caf%C3%A9", "%2A"), ""),
        ("/a:b%2fc", ("a",), "b%2Fc"),
    ],
)
def test_template_is_flattened_into_segments_and_a_verb(text: str, segments: tuple[str, ...], verb: str) -> None:
    """Variables dissolve into their segments, and escapes are written in upper case."""
    template = parse(text)
    assert (template.segments, template.verb, template.text) == (segments, verb, text)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("/v1/{a.b.c}", [("a.b.c", 1, 2, False)]),
        ("/v1/{a=*}", [("a", 1, 2, False)]),
        ("/v1/{a=x}", [("a", 1, 2, False)]),
        ("/v1/{a=x/*}/y/{b}", [("a", 1, 3, True), ("b", 4, 5, False)]),
        ("/v1/{a}/{b=**}:go", [("a", 1, 2, False), ("b", 2, None, True)]),
        ("/{_a1}", [("_a1", 0, 1, False)]),
    ],
)
def test_variable_knows_what_it_captures(text: str, variables: list[tuple[str, int, int, bool]]) -> None:
    """A variable spans its own segments, and counts as multi-segment when it can capture a slash."""
    found = [(each.name, each.start, each.stop, each.multi) for each in parse(text).variables]
    assert found == variables


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, "expected '/'"),
        ("a", 1, "expected '/'"),
        ("/", 2, "expected a segment"),
        ("//a", 2, "expected a segment"),
        ("/a/", 4, "expected a segment"),
        ("/:go", 2, "expected a segment"),
        ("/a:", 4, "expected a verb"),
        ("/a:go/b", 6, "unexpected character"),
        ("/a:b:c", 5, "unexpected character"),
        ("/a*", 3, "unexpected character"),
        ("/***", 4, "unexpected character"),
        ("/a{b}", 3, "unexpected character"),
        ("/{b}c", 5, "unexpected character"),
        ("/{}", 3, "expected a field name"),
        ("/{a.}", 5, "expected a field name"),
        ("/{a-b}", 4, "expected '}'"),
        ("/{1}", 3, "expected a field name"),
        ("/{a", 4, "expected '}'"),
        ("/{a=", 5, "expected a segment"),
        ("/{a=/b}", 5, "expected a segment"),
        ("/{a=b:c}", 6, "expected '}'"),
        ("/{a=b/{c}}", 7, "a variable cannot contain a variable"),
        ("/**/a", 2, "** must be the last segment"),
        ("/{a=**}/{b}", 5, "** must be the last segment"),
        ("/{a=**/b}", 5, "** must be the last segment"),
        ("/{a}/{a}", 6, "the variable is used twice"),
        ("/a%2", 3, "unexpected character"),
        ("/a b", 3, "unexpected character"),
        ("/a?b", 3, "unexpected character"),
        ("/é", 2, "expected a segment"),
        ("/a\n", 3, "unexpected character"),
        ("/v1/%61", 5, "%61 needs no escape; write it unescaped"),
        ("/v1/b%2Fc%7e%41", 10, "%7e needs no escape; write it unescaped"),
        ("/{a=b/%5F}", 7, "%5F needs no escape; write it unescaped"),
        ("/a:g%6F", 5, "%6F needs no escape; write it unescaped"),
    ],
)
def test_text_outside_the_grammar_is_refused_at_its_column(text: str, column: int, reason: str) -> None:
    """What the grammar does not derive stops the start-up, and the error points at the place."""
    with pytest.raises(RouteError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.reason) == (column, reason)
    assert caught.value.template == text


def test_only_unreserved_characters_need_no_escape() -> None:
    """Letters, digits and `-._~` (RFC 3986, section 2.3), in either case of the escape, and nothing else."""
    unreserved = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    for number in range(256):
        for text in (f"/%{number:02X}", f"/%{number:02x}"):
            if chr(number) in unreserved:
                with pytest.raises(RouteError, match="needs no escape"):
                    parse(text)
            else:
                assert parse(text).segments == (text[1:].upper(),)


def test_shape_ignores_variable_names() -> None:
    """Templates that match the same paths have the same shape."""
    assert parse("/v1/{name=shelves/*}:go").shape == parse("/v1/shelves/{id}:go").shape
    assert parse("/v1/{a}").shape != parse("/v1/{a=**}").shape

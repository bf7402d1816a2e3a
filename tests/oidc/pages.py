"""Pages as a browser reads them: elements, forms, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"circle", "input", "link", "meta", "path"})


@dataclass
class Element:
    """An element, and the text in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[Element]:
        """The elements in it with this tag, in their order."""
        return [each for each in self.walk() if each.tag == tag]

    def walk(self) -> Iterator[Element]:
        """All elements in it."""
        for child in self.children:
            yield child
            yield from child.walk()

    def words(self) -> str:
        """All text in it."""
        return " ".join("".join([self.text, *(f" {child.words()}" for child in self.children)]).split())

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"an attribute of {tag} is there twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"{tag} ends within {self.open[-1].tag}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].text += data


def read(html: str) -> Element:
    """The document; every element in it ends where it should."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root], "an element does not end"
    return reader.root


def check(document: Element) -> None:
    """What holds of every page of ours: it can be read aloud, used by keyboard, and needs no script."""
    elements = list(document.walk())
    ids = [each["id"] for each in elements if "id" in each.attributes]
    assert len(set(ids)) == len(ids)
    assert document.all("html")[0]["lang"] in {"en", "de"}
    assert len(document.all("main")) == len(document.all("h1")) == len(document.all("title")) == 1
    assert document.all("h1")[0].words() in document.all("title")[0].words()
    labels = {label["for"] for label in document.all("label")}
    hidden = [each for each in document.all("input") if "hidden" in (each.attributes.get("type"), *each.attributes)]
    shown = [each for each in document.all("input") if each not in hidden]
    assert labels == {each["id"] for each in shown}
    for each in elements:
        assert each.tag not in {"script", "style", "iframe", "object"}
        assert not any(name.startswith("on") or name == "style" for name in each.attributes)
        assert set(each.attributes.get("aria-describedby", "").split()) <= set(ids)
    assert sum("autofocus" in each.attributes for each in elements) <= 1
    for each in (*document.all("button"), *document.all("a")):
        assert each.words() or each.attributes.get("aria-label")
    for form in document.all("form"):
        assert form["method"] in {"get", "post"}
        assert (form["method"] == "post") == any(each["name"] == "form_token" for each in form.all("input"))

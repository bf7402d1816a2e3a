"""Grants on the account page: grouped, searched, sorted, a few of them, none, more than fit in one answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from interop.driver import Driver
from web.people import ADA, ADAS_GRANTS, BORIS, CARLA, DOMAINS, MANY, Grant
from web.site import Site

SOME, NONE, ONE = "star", "quasar", "project 07-13"


@pytest.fixture(scope="module")
def walk(site: Site, chromium: Driver) -> Any:
    """What three people saw of their grants."""
    people = {"few": ADA.typed(), "none": BORIS.typed(), "many": CARLA.typed()}
    return chromium("grants", site=site.url, text={"some": SOME, "none": NONE, "one": ONE}, **people)


def order_of(text: str, *names: str) -> list[str]:
    """These names in the order in which lines of the text have them first."""
    places = {name: match.start() for name in names if (match := re.search(f"^{name}", text, re.MULTILINE))}
    return sorted(places, key=places.__getitem__)


ORGS = tuple(DOMAINS)
PROJECTS = ("Telescope", "Star catalogue", "Reading room")


def listed(text: str) -> list[str]:
    """What is shown below the count of all grants, line by line, without dates."""
    lines = list(filter(None, text.splitlines()))
    return [line.strip() for line in lines[lines.index("5 grants") + 1 :] if not line.startswith("Since ")]


def rest(grant: Grant) -> list[str]:
    """What is shown of a grant behind where it is."""
    return [*grant.roles, *([] if grant.is_active else ["not in force"])]


def test_grants_are_grouped(walk: Any) -> None:
    """Each organization has its projects below it, each project its roles; what is not in force is marked."""
    expected = []
    for org in sorted(ORGS):
        expected.append(f"{org} {DOMAINS[org]}")
        for grant in sorted(grant for grant in ADAS_GRANTS if grant.org == org):
            expected += [grant.project, *rest(grant)]
    assert listed(walk["orders"]["Organization"]) == expected


def test_grants_are_grouped_by_project(walk: Any) -> None:
    """Sorted by project, each project has the organizations below it."""
    expected = []
    for project in sorted(PROJECTS):
        expected.append(project)
        for grant in sorted(grant for grant in ADAS_GRANTS if grant.project == project):
            expected += [f"{grant.org} {DOMAINS[grant.org]}", *rest(grant)]
    assert listed(walk["orders"]["Project"]) == expected


def test_grants_can_be_sorted(walk: Any) -> None:
    """By age, too, in both directions."""
    orders = walk["orders"]
    assert list(orders) == ["Organization", "Project", "Newest first", "Oldest first"]
    assert order_of(orders["Oldest first"], *ORGS) == ["Observatory", "Harbour library", "Island school"]
    assert order_of(orders["Newest first"], *ORGS) == ["Island school", "Harbour library", "Observatory"]


def test_a_search_narrows(walk: Any) -> None:
    """Only what has the text somewhere is shown, however it is written, and without it all is there again."""
    assert order_of(walk["found"], *ORGS) == ["Observatory", "Island school"]
    assert order_of(walk["found"], *PROJECTS) == ["Star catalogue"]
    assert order_of(walk["all"], *ORGS) == ["Observatory", "Harbour library", "Island school"]


def test_nothing_found(walk: Any) -> None:
    """Who searches for something else is told so."""
    assert f"No grant matches “{NONE}”." in walk["nothing"]
    assert not any(name in walk["nothing"] for name in ORGS)


def test_no_grants(walk: Any) -> None:
    """Who has none is told so, and has nothing to search in."""
    assert "You have no grants." in walk["empty"]
    assert "Search" not in walk["empty"]


def test_many_grants(walk: Any) -> None:
    """All are counted, a part is shown, and each press of a button shows more of them, until they are all there."""
    assert str(MANY) in walk["counted"].replace(",", "")
    assert 0 < len(walk["first"]) < MANY
    assert [len(rows) for rows in walk["clicks"]] == sorted({len(rows) for rows in walk["clicks"]})
    assert len(set(walk["clicks"][-1])) == MANY


def test_a_search_looks_through_all(walk: Any) -> None:
    """What is found need not have been shown before."""
    assert walk["one"] == ["Project 07-13"]


def test_who_leaves_is_not_signed_in_again(walk: Any) -> None:
    """After signing out oneself, to sign in is to choose among those who are there; the last person is no hint."""
    assert len(walk["choice"]) == 3
    assert all(any(person.name in text for text in walk["choice"]) for person in (ADA, BORIS, CARLA))


def test_no_complaints(walk: Any) -> None:
    """The browser has nothing to complain about."""
    assert walk["complaints"] == []

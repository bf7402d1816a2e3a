"""What the document says of the plans, and what their own clients would be told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import ROOT
from oidc.conformance.plans import BASIC, CONFIG, RP_LOGOUT, Module
from oidc.conformance.stage import RelyingParty

DOCUMENT = ROOT / "docs" / "oidc-conformance.md"
VERDICTS = {"passes", "passes, with a warning", "passes, with a note", "not offered"}
PLANS = {
    "OIDCCBasicTestPlan": (BASIC, "test_basic.py"),
    "OIDCCConfigTestPlan": (CONFIG, "test_config.py"),
    "OIDCCRpInitiatedLogoutTestPlan": (RP_LOGOUT, "test_rp_logout.py"),
}


def rows_of(plan: str) -> list[list[str]]:
    """The cells of the document's table for a plan."""
    section = DOCUMENT.read_text().partition(f"## {plan}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:3] == "| `"]
    assert rows
    return rows


@pytest.mark.parametrize(("plan", "about"), PLANS.items(), ids=PLANS)
def test_every_module_has_a_test_and_a_verdict(plan: str, about: tuple[tuple[Module, ...], str]) -> None:
    """A plan's modules, the rows of its table and the tests are the same, in the order of the plan."""
    modules, file = about
    source = (Path(__file__).parent / file).read_text()
    assert re.findall(r"^async def (test_\w+)\(", source, re.MULTILINE) == [module.test for module in modules]
    listed = [(row[0], row[-1]) for row in rows_of(plan)]
    assert listed == [(f"`{module.name}`", f"`{module.test}`") for module in modules]
    assert all(len(row) == 4 and row[2].partition(":")[0] in VERDICTS for row in rows_of(plan))


def test_verdicts_are_counted_right() -> None:
    """The numbers in the document's summary are those of its tables."""
    verdicts = [row[2].partition(":")[0] for plan in PLANS for row in rows_of(plan)]
    summary = dict(re.findall(r"^- (\w[\w, ]*): (\d+)$", DOCUMENT.read_text(), re.MULTILINE))
    assert summary == {verdict: str(verdicts.count(verdict)) for verdict in VERDICTS}
    assert len(verdicts) == 50


async def test_clients_without_pkce_get_no_code(party: RelyingParty) -> None:
    """The suite's own clients send no challenge in most modules, and are told that one is wanted."""
    asked = party.request(without="code_challenge")
    del asked["code_challenge_method"]
    assert await party.refused(asked) == "invalid_request"

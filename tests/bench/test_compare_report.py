"""What `make bench` makes of its results: text and a picture."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.compare import __main__ as program
from bench.compare import plot, report
from bench.compare.bars import verdicts
from bench.compare.contenders import ASGI, AUTHSVC, FASTAPI
from bench.compare.databases import Databases
from bench.compare.doors import Door
from bench.compare.measure import Cell, Results, Sample
from bench.compare.sections import GRANTS, SECTIONS, USER, Bench
from bench.compare.services import ServiceError

SVG = "{http://www.w3.org/2000/svg}"


def sample(calls: int) -> Sample:
    """A round of a second on one core."""
    return Sample(calls, 1.0, 0.001, 0.002, 1.0, 1.0, memory=50.0)


def results() -> Results:
    """Some of one section, in three rounds."""
    cells = {
        Cell("calls", AUTHSVC, Door.JSON, USER): 9_000,
        Cell("calls", ASGI, Door.JSON, USER): 30_000,
        Cell("calls", FASTAPI, Door.JSON, USER): 500,
        Cell("calls", AUTHSVC, Door.JSON, GRANTS): 900,
    }
    samples = {cell: [sample(calls), sample(calls * 2), sample(calls // 2)] for cell, calls in cells.items()}
    return Results(samples, ["grpc-go: not built"], {"authsvc, JSON": 1_000}, repeated=2)


def text() -> str:
    """The report of these."""
    return report.document(results(), verdicts(results()), ["a machine"], "a run", "images/plot.svg")


def test_every_section_has_a_title_and_a_text() -> None:
    """No section is measured and then not shown."""
    assert list(report.TITLES) == list(report.TEXTS) == list(SECTIONS)


def test_rows_show_the_round_in_the_middle() -> None:
    """All numbers of a row are from one round, the middle one."""
    assert "| authsvc | JSON | 9,000 | 9,000 | 111 | 1.00 | 2.00 | 50 |" in text()


def test_layers_add_up() -> None:
    """Each layer shows what it adds to the one below; what was not measured goes to the next."""
    assert "| HTTP engine, kernel included | 33 |" in text()
    assert "| door and pipeline |  |" in text()
    assert "| database | 78 |  |  | 1,111 |  |" in text()
    assert "| in all | 111 |  |  | 1,111 |  |" in text()


def test_what_went_wrong_is_said() -> None:
    """What was left out, was measured again, or missed its bar is in the report."""
    for part in ("Left out: grpc-go: not built.", "2 rounds with failed calls", "**missed**", "not measured"):
        assert part in text()


def test_only_what_is_between_the_markers_is_replaced() -> None:
    """A page keeps what is around, however often it is written."""
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.put(page, "new")
    assert once == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    assert report.put(once, "new") == once


def test_a_page_without_markers_is_left_alone() -> None:
    """Nobody's text is written over."""
    with pytest.raises(ValueError, match="has no"):
        report.put(f"{report.BEGIN} and no end", "new")


def test_the_page_has_markers() -> None:
    """docs/performance.md can be written."""
    assert "new" in report.put(program.PAGE.read_text(), "new")


def test_page_and_picture_are_written(tmp_path: Path) -> None:
    """What is saved is the text between the markers and a picture of GetMyUser, the fastest first."""
    page, picture = tmp_path / "page.md", tmp_path / "plot.svg"
    page.write_text(f"{report.BEGIN}{report.END}")
    program.save(page, picture, "new", results())
    assert "new" in page.read_text()
    assert picture.read_text().startswith("<svg")
    assert [(bar.kind, bar.value) for bar in program.picture_bars(results())] == [
        ("ceiling", 30_000),
        ("ours", 9_000),
        ("other", 500),
    ]


def test_a_section_that_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong is said, and what is missing is in the report."""

    def fail(_: Bench) -> None:
        raise ServiceError("it did not start")

    monkeypatch.setitem(SECTIONS, "rows", fail)
    bench = Bench(Results(), None, 1, 1.0, 1_000, Databases(Path()))
    assert not program.works(bench, "rows")
    assert capsys.readouterr().err == "rows: it did not start\n"
    assert bench.results.missing == ["the section rows, which failed"]


def test_the_picture_is_well_formed() -> None:
    """Labels are escaped, and bars are as long as their values."""
    drawn = ET.fromstring(plot.svg('a <"title">', [plot.Bar("<&>", 100, "ours"), plot.Bar("b", 25, "other")]))
    assert drawn.attrib["aria-label"] == 'a <"title">'
    assert {"<&>", "100", "25"} <= {text.text for text in drawn.iter(f"{SVG}text")}
    one, other = (float(bar.attrib["width"]) for bar in list(drawn.iter(f"{SVG}rect"))[:2])
    assert one == pytest.approx(4 * other, rel=0.01)


def test_the_picture_knows_the_dark() -> None:
    """There are colours for dark pages, too."""
    assert "prefers-color-scheme: dark" in plot.svg("title", [plot.Bar("a", 1, "ours")])

"""`authsvc openapi`."""

from __future__ import annotations

import json

import pytest
from harness import authsvc, command
from openapi_spec_validator import OpenAPIV31SpecValidator

from authsvc import __version__
from authsvc.app import api_document
from authsvc.cli import main


def test_the_document_is_printed() -> None:
    """A valid document, the same that is served, indented; no database is needed for it."""
    run = command("openapi", database_url="sqlite:////nowhere/at/all.db")
    assert run.stderr == ""
    document = json.loads(run.stdout)
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    assert document == api_document()
    assert document["info"]["version"] == __version__
    assert run.stdout.startswith('{\n  "openapi": "3.1')
    assert run.stdout.endswith("}\n")


def test_the_same_is_printed_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    """The order depends on nothing but the contract, so that the document can be kept under version control."""
    printed = authsvc("openapi").stdout
    assert main(["openapi"]) == 0
    assert capsys.readouterr().out == printed

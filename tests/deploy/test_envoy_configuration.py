"""deploy/envoy.yaml as it stands: Envoy takes it, with TLS and without."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import trustme
from deploy.proxy import CONFIGURATION, program


def validate(path: Path) -> None:
    """Have Envoy read a configuration, with all that it names."""
    command: list[str | Path] = [program(), "--mode", "validate", "--config-path", path, "--log-level", "warning"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()


def test_envoy_takes_it() -> None:
    """Envoy has no objection to the file itself, and to nothing in it that it will not know any more."""
    validate(CONFIGURATION)


def test_envoy_takes_it_with_tls(tmp_path: Path) -> None:
    """Without the marks in front of them, the lines for TLS are a part of the listener that Envoy takes."""
    certificate = trustme.CA().issue_cert("auth.example.com")
    certificate.private_key_pem.write_to_path(tmp_path / "tls.key")
    for part in certificate.cert_chain_pems:
        part.write_to_path(tmp_path / "tls.crt", append=True)
    text, count = re.subn(r"^( *)# tls: ", r"\1", CONFIGURATION.read_text(), flags=re.MULTILINE)
    assert count == 10
    assert text.count("/etc/envoy/") == 2
    path = tmp_path / "envoy.yaml"
    path.write_text(text.replace("/etc/envoy/", f"{tmp_path}/"))
    validate(path)


@pytest.mark.parametrize("setting", ["normalize_path: false", "merge_slashes: false"])
def test_it_is_no_accident_that_it_is_taken(tmp_path: Path, setting: str) -> None:
    """A name that Envoy does not know is refused, so that a misspelt setting cannot go unnoticed."""
    path = tmp_path / "envoy.yaml"
    text = CONFIGURATION.read_text()
    assert text.count(setting) == 1
    path.write_text(text.replace(setting, setting.replace("_", "", 1)))
    with pytest.raises(AssertionError, match=r"no\s+such\s+field"):
        validate(path)

"""`make h2spec`: h2spec against `authsvc serve`, with TLS and without, normal and strict.

Fails on a failure that is not listed here with its reason.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import fromstring

import trustme
from conformance.gotools import install
from harness import demo_database, serving

PACKAGE, VERSION = "github.com/summerwind/h2spec/cmd/h2spec", "v2.2.1+incompatible"
# An answer of some length: with a short one, a case about windows is skipped.
_PATH = "/docs"
# By TLS the engine leaves a client that breaks the rules two seconds to read why, before it closes.
_TIMEOUT = "5"
_PRIORITY = "RFC 9113 no longer has priorities, and what depends on what is not looked at"
_NOT_XML = re.compile(rb"[^\t\n\r\x20-\x7e]")
KNOWN = {
    ("http2/3.5", "Sends invalid connection preface"): "without TLS it is HTTP/1.1, answered 400 and closed",
    ("http2/5.3.1", "Sends HEADERS frame that depend on itself"): _PRIORITY,
    ("http2/5.3.1", "Sends PRIORITY frame that depend on itself"): _PRIORITY,
    ("http2/6.3", "Sends a PRIORITY frame with 0x0 stream identifier"): "zttp passes over every PRIORITY frame",
}


def main() -> None:
    """Run the four ways. The exit status is not zero when a case fails that is not known."""
    program = install(PACKAGE, VERSION)
    with TemporaryDirectory() as name:
        folder = Path(name)
        url = demo_database(folder)
        with serving(url, folder / "plain.log") as server:
            unknown = [*_runs(program, server.address, folder)]
        with serving(url, folder / "tls.log", **_credentials(folder)) as server:
            unknown += _runs(program, server.address, folder, "--tls", "--insecure")
    sys.exit(bool(unknown))


def _credentials(folder: Path) -> dict[str, str]:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}


def _runs(program: Path, address: str, folder: Path, *flags: str) -> Iterator[str]:
    """A normal and a strict run; the failures that are not known."""
    for more in ([], ["--strict"]):
        report = folder / "report.xml"
        host, _, port = address.rpartition(":")
        where = ["--host", host, "--port", port, "--path", _PATH, "--timeout", _TIMEOUT, "--junit-report", str(report)]
        command = [str(program), *where, *flags, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        print(f"h2spec {' '.join([*flags, *more])}: {done.stdout.strip().splitlines()[-1]}")
        # The report repeats bytes that it has received, of which XML allows only some.
        found = fromstring(_NOT_XML.sub(b"?", report.read_bytes()))
        for case in found.iter("testcase"):
            if case.find("error") is not None:
                key = (case.get("package", ""), case.get("classname", ""))
                print(f"  failed: {' '.join(key)}: {KNOWN.get(key, 'not known')}")
                yield from [] if key in KNOWN else [key[1]]


if __name__ == "__main__":
    main()

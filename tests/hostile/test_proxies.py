"""Doubtful requests through a proxy that shares its connections: nobody gets the answer to another's request."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile.corpus import ANSWERED, REFUSED, SMUGGLED
from hostile.http1 import answered, head, responses
from hostile.peers import Raw
from hostile.site import Site

# One connection to the server behind, shared by all clients.
_NGINX = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors; {user}
events {{ worker_connections 100; }}
http {{
  access_log off; ignore_invalid_headers off; underscores_in_headers on;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  upstream behind {{ server {behind}; keepalive 1; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header connection ""; proxy_request_buffering off;
    }}
  }}
}}
"""
_HAPROXY = """\
global
  maxconn 100
defaults
  mode http
  timeout connect 2s
  timeout client 2s
  timeout server 2s
  http-reuse always
frontend front
  bind 127.0.0.1:{port}
  option accept-invalid-http-request
  default_backend behind
backend behind
  server only {behind} maxconn 1
"""
_NO_ANSWER = (502, 503, 504)  # the only connection is just being closed
_PROXIES = {"nginx": (_NGINX, ["-c"]), "haproxy": (_HAPROXY, ["-db", "-f"])}


@pytest.fixture(scope="module", params=_PROXIES)
def proxy(request: pytest.FixtureRequest, zttp: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a proxy in front of the server."""
    program = shutil.which(request.param, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        pytest.skip(f"this machine has no {request.param}")
    folder = tmp_path_factory.mktemp(request.param)
    template, flags = _PROXIES[request.param]
    port, user = _free_port(), "" if os.getuid() else "user root;"
    config = folder / "config"
    config.write_text(template.format(folder=folder, port=port, behind=zttp.address, user=user))
    with (folder / "output").open("w") as output:
        process = subprocess.Popen([program, *flags, config], stdout=output, stderr=output)
    try:
        _wait_for(port, process, folder)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(5)


@pytest.mark.parametrize("name", [*REFUSED, *ANSWERED])
def test_answers_are_not_mixed_up(proxy: str, name: str) -> None:
    """After any request, followed by one that must not be smuggled in, others get the answers to their own requests."""
    request = REFUSED[name] if name in REFUSED else ANSWERED[name][0]
    answered(proxy, request + SMUGGLED, enough=2, seconds=0.2)
    for target, status in (("/nowhere", 404), ("/debug/healthz", 200), ("/nowhere", 404)):
        with Raw(proxy) as client:
            client.write(head("GET", target, (b"connection", b"close")))
            (found,) = responses(client.drain())
            assert found.status in {status, *_NO_ANSWER}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        assert process.poll() is None, (folder / "output").read_text()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"the proxy does not listen: {(folder / 'output').read_text()}")

"""deploy/compose.yaml: whether it is one, and how little its containers may do."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import tomllib
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose
from deploy.files import DEPLOY, compose, only
from harness import ROOT
from interop.support import system_tool

SERVICES = ["postgres", "migrate", "authsvc", "envoy"]
KEY_BYTES = 32


def service(name: str) -> dict[str, Any]:
    """One service."""
    found: dict[str, Any] = compose()["services"][name]
    return found


def test_it_follows_the_specification() -> None:
    """Every key and value is one of the Compose Specification, without obsolete ones."""
    PyCompose.from_json(json.dumps(compose())).to_spec()
    assert "version" not in compose()
    assert list(compose()["services"]) == SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_containers_may_do_little(name: str) -> None:
    """Each runs as another than root, without a way to more rights, on a file system that it cannot change."""
    one = service(name)
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", one["user"])
    assert any(mount.startswith("/tmp") for mount in one["tmpfs"])
    assert not one.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"}


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    """Images of others are named with all of their version; ours is built."""
    image = service(name)["image"]
    assert image == "authsvc" or re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", image)


@pytest.mark.parametrize("name", SERVICES)
def test_all_that_is_named_is_there(name: str) -> None:
    """Networks, secrets, configurations, volumes and services that a service names are in the file."""
    whole, one = compose(), service(name)
    volumes = [volume.partition(":")[0] for volume in one.get("volumes", [])]
    configs = [each["source"] for each in one.get("configs", [])]
    for kind, names in (
        ("networks", one["networks"]),
        ("secrets", one.get("secrets", [])),
        ("services", one.get("depends_on", [])),
    ):
        assert set(names) <= whole[kind].keys()
    assert set(volumes) <= whole["volumes"].keys()
    assert set(configs) <= whole["configs"].keys()


def test_things_come_up_in_order() -> None:
    """The schema is brought up to date when the database answers, the services start then, and Envoy when they can."""
    ready, done = {"condition": "service_healthy"}, {"condition": "service_completed_successfully"}
    assert service("migrate")["depends_on"] == {"postgres": ready}
    assert service("authsvc")["depends_on"] == {"postgres": ready, "migrate": done}
    assert service("envoy")["depends_on"] == {"authsvc": ready}
    assert all("test" in service(name)["healthcheck"] for name in ("postgres", "envoy"))
    assert "healthcheck" not in service("authsvc")  # the image's
    assert (service("migrate")["command"], service("migrate")["restart"]) == (["migrate"], "no")
    assert service("authsvc")["deploy"]["replicas"] == 3


def test_one_address_is_published() -> None:
    """Only Envoy can be reached from outside, and the database only by those who need it."""
    assert {name: service(name)["ports"] for name in SERVICES if "ports" in service(name)} == {"envoy": ["8080:8080"]}
    assert compose()["networks"]["database"] == {"internal": True}
    assert [name for name in SERVICES if "database" in service(name)["networks"]] == ["postgres", "migrate", "authsvc"]


def test_just_the_proxy_is_trusted() -> None:
    """Whom the service believes about addresses is Envoy alone, whose address no other container can be given."""
    trusted = service("authsvc")["environment"]["AUTHSVC_TRUSTED_PROXIES"]
    assert service("envoy")["networks"]["service"]["ipv4_address"] == trusted
    (pool,) = compose()["networks"]["service"]["ipam"]["config"]
    assert IPv4Address(trusted) in IPv4Network(pool["subnet"])
    assert IPv4Address(trusted) not in IPv4Network(pool["ip_range"])
    assert IPv4Network(pool["ip_range"]).subnet_of(IPv4Network(pool["subnet"]))


def test_secrets_are_files_that_git_does_not_take() -> None:
    """No variable holds a password or a key; the files that do are not part of any commit."""
    for name in SERVICES:
        for variable, value in service(name).get("environment", {}).items():
            assert "postgresql://" not in value, variable
            if re.search("PASSWORD|KEY", variable):
                assert variable.endswith("_FILE")
                assert value.startswith("/run/secrets/")
                assert value.removeprefix("/run/secrets/") in service(name)["secrets"]
    files = [each["file"] for each in compose()["secrets"].values()]
    assert all(file.startswith("secrets/") for file in files)
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_lines_that_make_the_secrets_make_them(tmp_path: Path) -> None:
    """What the file says to run makes all of its secrets, for their owner only: a password, settings, and two keys."""
    system_tool("openssl")
    comments = [
        line.removeprefix("#").strip() for line in (DEPLOY / "compose.yaml").read_text().splitlines() if line[:1] == "#"
    ]
    begin = comments.index("mkdir -m 700 secrets")
    script = comments[begin : comments.index("", begin)]
    owners = dict(re.findall(r"sudo chown (\d+) (.+)", "\n".join(script)))
    script = [line for line in script if not line.startswith("sudo")]
    subprocess.run(["bash", "-euc", "\n".join(script)], cwd=tmp_path, check=True, env={"PATH": "/usr/bin:/bin"})
    made = {f"secrets/{path.name}": path for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == {each["file"] for each in compose()["secrets"].values()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.values()} == {0o600}
    password = made["secrets/postgres_password"].read_text().strip()
    url = tomllib.loads(made["secrets/authsvc.toml"].read_text())["database_url"]
    assert url == f"postgresql://authsvc:{password}@postgres/authsvc"
    keys = [made[f"secrets/{name}.key"].read_bytes() for name in ("authsvc", "webhooks")]
    assert [len(key) for key in keys] == [KEY_BYTES, KEY_BYTES]
    ours, theirs = only("USER").split(":")[0], service("postgres")["user"].split(":")[0]
    assert owners == {
        theirs: "secrets/postgres_password",
        ours: " ".join(f"secrets/{name}" for name in service("authsvc")["secrets"]),
    }

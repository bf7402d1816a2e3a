"""The files of deploy/ as data, and the settings that they give the service."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from dockerfile_parse import DockerfileParser
from harness import ROOT

from authsvc.config import Settings, load

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
FOLDERS = [KUBERNETES, KUBERNETES / "migrate"]
MANIFESTS = sorted(path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml")
PREFIX = "AUTHSVC_"
_NO_SETTING = "AUTHSVC_CONFIG"


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with what stands behind it."""
    parser = DockerfileParser(fileobj=io.BytesIO((DEPLOY / "Dockerfile").read_bytes()))
    found = [(each["instruction"], each["value"]) for each in parser.structure]
    return [(name, value) for name, value in found if name != "COMMENT"]


def final_stage() -> list[tuple[str, str]]:
    """The instructions behind the last FROM, which is itself the first of them."""
    instructions = dockerfile()
    last = max(number for number, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def only(name: str) -> str:
    """What stands behind the one instruction of this name in the final stage."""
    (value,) = [value for instruction, value in final_stage() if instruction == name]
    return value


def compose() -> dict[str, Any]:
    """compose.yaml with its aliases resolved."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def envoy() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Of Envoy's configuration the listener, its manager of HTTP connections, and the cluster."""
    resources = yaml.safe_load((DEPLOY / "envoy.yaml").read_text())["static_resources"]
    (listener,), (cluster,) = resources["listeners"], resources["clusters"]
    return listener, listener["filter_chains"][0]["filters"][0]["typed_config"], cluster


def objects(*paths: Path) -> Iterator[dict[str, Any]]:
    """The objects in manifests."""
    for path in paths:
        yield from yaml.safe_load_all(path.read_text())


def the(kind: str, name: str = "authsvc") -> dict[str, Any]:
    """The one object of this kind and name among the manifests."""
    (found,) = [each for each in objects(*MANIFESTS) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def image_settings() -> dict[str, str]:
    """The variables for the service that are set in its image."""
    pairs = re.findall(r"(\w+)=(\S+)", " ".join(value for name, value in final_stage() if name == "ENV"))
    return {name: value for name, value in pairs if name.startswith(PREFIX)}


def compose_settings() -> dict[str, str]:
    """The variables that a service of compose.yaml has in the end, with the defaults of those that people may set."""
    own: dict[str, str] = compose()["services"]["authsvc"]["environment"]
    return image_settings() | {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in own.items()}


def kubernetes_settings() -> dict[str, str]:
    """The variables that a pod has in the end, but for what is secret."""
    lines = (KUBERNETES / "settings.env").read_text().splitlines()
    own = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return image_settings() | own


def settings(variables: Mapping[str, str]) -> Settings:
    """The settings that these variables make."""
    return load({}, {name: value for name, value in variables.items() if name != _NO_SETTING})


def seconds(text: str) -> float:
    """A duration such as `30s` in seconds."""
    assert text.endswith("s"), text
    return float(text.removesuffix("s"))

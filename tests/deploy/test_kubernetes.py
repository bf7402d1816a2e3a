"""The manifests of deploy/kubernetes: whether Kubernetes would take them, and what they ask of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from deploy.files import FOLDERS, KUBERNETES, MANIFESTS, kubernetes_settings, objects, only, settings, the
from harness import ROOT

from authsvc.telemetry.gauges import Kind, exposition

PODS = {"app.kubernetes.io/name": "authsvc", "app.kubernetes.io/component": "service"}
# The oldest version that knows all that is asked for, and the newest whose schemas there are.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]
TEMPLATE = "secret.template.yaml"


def pod(kind: str) -> dict[str, Any]:
    """What a pod of the Deployment or of the Job is made from."""
    (found,) = [each for each in objects(*MANIFESTS) if each["kind"] == kind]
    template: dict[str, Any] = found["spec"]["template"]
    return template


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", MANIFESTS, ids=[path.name for path in MANIFESTS])
def test_they_have_the_schema_of_kubernetes(path: Path, version: str) -> None:
    """Every field of every object is one that this version of Kubernetes has, with a value that it takes."""
    for each in objects(path):
        kubernetes_validate.validate(each, version, strict=True)
        assert "namespace" not in each["metadata"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["service", "migrate"])
def test_every_manifest_is_applied(folder: Path) -> None:
    """The kustomization names each manifest beside it, but for the template of the Secret, and files that are there."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    there = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml", TEMPLATE}
    assert set(kustomization["resources"]) == there
    sources = [name for each in kustomization.get("configMapGenerator", []) for name in each["envs"]]
    assert all((folder / name).exists() for name in sources)


@pytest.mark.parametrize("folder", FOLDERS, ids=["service", "migrate"])
def test_kustomize_makes_objects_of_them(folder: Path, tmp_path: Path) -> None:
    """Kustomize, where the machine has it, makes valid objects, with the image's name and the settings' put in."""
    command = next((each for each in (["kustomize", "build"], ["kubectl", "kustomize"]) if shutil.which(each[0])), None)
    if command is None:
        pytest.skip("this machine has neither kustomize nor kubectl")
    nobodys = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": os.devnull}
    done = subprocess.run([*command, str(folder)], check=False, capture_output=True, text=True, env=nobodys)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    for each in made:
        kubernetes_validate.validate(each, VERSIONS[-1], strict=True)
    (workload,) = [each for each in made if each["kind"] in {"Deployment", "Job"}]
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    assert re.fullmatch(r"registry\.example\.com/authsvc:[\d.]+", container["image"])
    named = [each["configMapRef"]["name"] for each in container.get("envFrom", [])]
    assert named == [each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"]


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_may_do_little(kind: str) -> None:
    """Pods meet the strictest of the Pod Security Standards, cannot write to their image, and have no account."""
    spec = pod(kind)["spec"]
    (container,) = spec["containers"]
    uid, gid = map(int, only("USER").split(":"))
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": gid,
        "fsGroup": gid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}
    assert {"/tmp", only("VOLUME")} <= {mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_kubernetes_adds_no_variables(kind: str) -> None:
    """What Kubernetes would set for each Service is left out: some would seem to be settings that there are not."""
    assert pod(kind)["spec"]["enableServiceLinks"] is False


def test_everything_means_the_same_pods() -> None:
    """Deployment, Services, budget and spreading have the same pods in mind, to which the Job's do not belong."""
    deployment = the("Deployment")["spec"]
    assert pod("Deployment")["metadata"]["labels"] == PODS
    assert deployment["selector"]["matchLabels"] == PODS
    assert the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == PODS
    assert all(the("Service", name)["spec"]["selector"] == PODS for name in ("authsvc", "authsvc-pods"))
    spread = pod("Deployment")["spec"]["topologySpreadConstraints"]
    assert {each["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in spread} == {"service"}
    assert {each["topologyKey"] for each in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert pod("Job")["metadata"]["labels"]["app.kubernetes.io/component"] == "migrate"
    policy = the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert all(policy.items() <= pod(kind)["metadata"]["labels"].items() for kind in ("Deployment", "Job"))


def test_there_are_three_at_least() -> None:
    """The autoscaler alone says how many there are, and never fewer than three, of which one at most may be away."""
    scaler = the("HorizontalPodAutoscaler")["spec"]
    target = scaler["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", the("Deployment")["metadata"]["name"])
    assert scaler["minReplicas"] == 3
    assert "replicas" not in the("Deployment")["spec"]
    assert the("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert the("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_the_autoscaler_goes_by_what_there_is() -> None:
    """It looks at the service's gauge, which the adapter's rule gives it, and at the CPU of the container."""
    in_flight, cpu = the("HorizontalPodAutoscaler")["spec"]["metrics"]
    name = in_flight["pods"]["metric"]["name"]
    assert f"# TYPE {name} gauge\n" in exposition({})
    (rule,) = adapter_rules()
    assert rule["seriesQuery"].startswith(f"{name}{{")
    assert f'kind!="{Kind.STREAMS.name.lower()}"' in rule["metricsQuery"]
    (container,) = pod("Deployment")["spec"]["containers"]
    assert cpu["containerResource"]["container"] == container["name"]


def adapter_rules() -> list[dict[str, Any]]:
    """The rules for Prometheus' adapter in the documentation."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "deployment.md").read_text(), re.DOTALL)
    (found,) = [block["rules"] for block in map(yaml.safe_load, blocks) if "rules" in block]
    return list(found)


def test_only_prometheus_reaches_the_metrics() -> None:
    """The port of the metrics is where the service has them, in no Service, and open to one namespace."""
    (container,) = pod("Deployment")["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert settings(kubernetes_settings()).metrics_listen == ("0.0.0.0", ports["metrics"])
    for name in ("authsvc", "authsvc-pods"):
        assert "metrics" not in [port["targetPort"] for port in the("Service", name)["spec"]["ports"]]
    rules = [
        rule["from"]
        for rule in the("NetworkPolicy")["spec"]["ingress"]
        if ports["metrics"] in [each["port"] for each in rule["ports"]]
    ]
    assert rules == [[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]]


def test_services_lead_to_named_ports() -> None:
    """Each port of a Service is one of the container's, and says that HTTP/2 without TLS is spoken there."""
    (container,) = pod("Deployment")["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for name in ("authsvc", "authsvc-pods"):
        for port in the("Service", name)["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
            assert port["appProtocol"] == "kubernetes.io/h2c"
    allowed = {each["port"] for rule in the("NetworkPolicy")["spec"]["ingress"] for each in rule["ports"]}
    assert allowed == set(ports.values())


def test_the_secret_has_no_values() -> None:
    """The template says what the Secret has to hold, and holds nothing; what pods ask of it is in there."""
    data = the("Secret")["data"]
    assert set(data.values()) == {""}
    spec = pod("Deployment")["spec"]
    (keys,) = [each["secret"] for each in spec["volumes"] if "secret" in each]
    asked = {item["key"] for item in keys["items"]}
    for kind in ("Deployment", "Job"):
        for variable in pod(kind)["spec"]["containers"][0]["env"]:
            reference = variable["valueFrom"]["secretKeyRef"]
            assert reference["name"] == the("Secret")["metadata"]["name"]
            asked.add(reference["key"])
    assert asked == data.keys()


def test_key_files_are_as_the_service_wants_them() -> None:
    """The key files are root's, readable for the group of the pod and for nobody else, where the settings say."""
    (keys,) = [each for each in pod("Deployment")["spec"]["volumes"] if "secret" in each]
    assert keys["secret"]["defaultMode"] == 0o440
    (mount,) = [
        each for each in pod("Deployment")["spec"]["containers"][0]["volumeMounts"] if each["name"] == keys["name"]
    ]
    files = {f"{mount['mountPath']}/{item['path']}" for item in keys["secret"]["items"]}
    lines = (KUBERNETES / "settings.env").read_text().splitlines()
    assert files == {line.partition("=")[2] for line in lines if "_KEY_FILE=" in line}

"""deploy/kubernetes: fits the API's schemas, refers only to what exists, and runs with no more rights than it needs."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.conftest import DEPLOY

KUBERNETES = DEPLOY / "kubernetes"
BASE, SINGLE_NODE = KUBERNETES / "base", KUBERNETES / "overlays/single-node"
OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
# Made by the operator, not by the manifests.
SECRETS = {"spanhouse-store"}

Manifest = dict[str, Any]
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def files(folder: Path) -> list[Path]:
    """The manifests of a kustomization, in its order, those of its bases first."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    entries = [(folder / entry).resolve() for entry in kustomization["resources"]]
    return [path for entry in entries for path in (files(entry) if entry.is_dir() else [entry])]


def written(folder: Path) -> list[Manifest]:
    """The objects as they are written, before kustomize."""
    return [manifest for path in files(folder) for manifest in yaml.safe_load_all(path.read_text())]


def built(folder: Path) -> list[Manifest]:
    """The objects as kustomize makes them."""
    output = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(output.stdout))


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The pod templates of all workloads by name."""
    return {
        manifest["metadata"]["name"]: manifest["spec"]["template"]
        for manifest in manifests
        if manifest["kind"] in ("Deployment", "StatefulSet")
    }


def containers(manifests: list[Manifest]) -> Iterator[Manifest]:
    for template in pods(manifests).values():
        yield from template["spec"]["containers"]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("folder", [BASE, SINGLE_NODE], ids=["base", "single-node"])
def test_every_object_fits_its_schema_as_written(folder: Path, version: str) -> None:
    validated = [kubernetes_validate.validate(manifest, version, strict=True) for manifest in written(folder)]
    assert len(validated) >= 7


@needs_kubectl
@pytest.mark.parametrize("folder", [BASE, SINGLE_NODE], ids=["base", "single-node"])
def test_every_object_fits_its_schema_as_built_and_lands_in_one_namespace(folder: Path) -> None:
    manifests = built(folder)
    assert {kubernetes_validate.validate(manifest, OLDEST, strict=True) for manifest in manifests} == {OLDEST}
    namespaced = [manifest for manifest in manifests if manifest["kind"] != "Namespace"]
    assert {manifest["metadata"].get("namespace") for manifest in namespaced} == {"spanhouse"}


@needs_kubectl
def test_every_reference_of_a_pod_resolves() -> None:
    manifests = built(SINGLE_NODE)
    maps = {manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == "ConfigMap"}
    for container in containers(manifests):
        sources = [source["configMapRef"]["name"] for source in container.get("envFrom", [])]
        assert set(sources) <= maps
        secrets = {entry["valueFrom"]["secretKeyRef"]["name"] for entry in container["env"] if "valueFrom" in entry}
        assert secrets <= SECRETS


@pytest.mark.parametrize("workload", ["collector", "query", "clickhouse"])
def test_every_mount_has_its_volume(workload: str) -> None:
    (manifest,) = [
        manifest
        for manifest in written(SINGLE_NODE)
        if manifest["metadata"]["name"] == workload and manifest["kind"] in ("Deployment", "StatefulSet")
    ]
    pod = manifest["spec"]["template"]["spec"]
    claims = [claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", [])]
    volumes = claims + [volume["name"] for volume in pod.get("volumes", [])]
    (container,) = pod["containers"]
    assert sorted(mount["name"] for mount in container["volumeMounts"]) == sorted(volumes)


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget"])
def test_every_service_and_budget_selects_the_pods_of_one_workload(kind: str) -> None:
    manifests = written(SINGLE_NODE)
    for manifest in manifests:
        if manifest["kind"] != kind:
            continue
        selector = manifest["spec"]["selector"]
        wanted = selector.get("matchLabels", selector).items()
        selected = [
            name for name, template in pods(manifests).items() if wanted <= template["metadata"]["labels"].items()
        ]
        assert selected == [manifest["metadata"]["name"].removesuffix("-pods")]


def test_every_service_port_and_probe_names_a_port_of_its_container() -> None:
    manifests = written(SINGLE_NODE)
    open_ports = {
        name: {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        for name, template in pods(manifests).items()
    }
    for service in (manifest for manifest in manifests if manifest["kind"] == "Service"):
        workload = service["metadata"]["name"].removesuffix("-pods")
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= open_ports[workload]
    for container in containers(manifests):
        probed = {container[f"{probe}Probe"]["httpGet"]["port"] for probe in ("startup", "liveness", "readiness")}
        assert probed == {"http"} <= open_ports[container["name"]]


@pytest.mark.parametrize("workload", ["collector", "query"])
def test_probes_ask_for_life_and_readiness_apart(workload: str) -> None:
    (container,) = pods(written(BASE))[workload]["spec"]["containers"]
    paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}


def test_every_container_has_requests_and_limits_of_cpu_and_memory() -> None:
    for container in containers(written(SINGLE_NODE)):
        for bound in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][bound].keys(), container["name"]


def test_every_pod_meets_the_restricted_pod_security_standard() -> None:
    for name, template in pods(written(SINGLE_NODE)).items():
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name


@pytest.mark.parametrize("workload", ["collector", "query"])
def test_our_pods_write_to_their_volumes_only_and_hold_no_token(workload: str) -> None:
    pod = pods(written(BASE))[workload]["spec"]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize("workload", ["collector", "query"])
def test_variables_that_kubernetes_makes_of_service_names_are_off(workload: str) -> None:
    assert pods(written(BASE))[workload]["spec"]["enableServiceLinks"] is False


@needs_kubectl
def test_every_image_is_pinned() -> None:
    for container in containers(built(SINGLE_NODE)):
        assert container["image"].rpartition(":")[2][0].isdigit(), container["image"]

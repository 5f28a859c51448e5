"""deploy/compose.yaml: valid, pinned, bounded, and without a password in it."""

import importlib.metadata
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.deploy.conftest import DEPLOY, ROOT

COMPOSE = f"{DEPLOY}/compose.yaml"


def has_docker_compose() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


def test_fits_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


@pytest.mark.skipif(not has_docker_compose(), reason="docker compose is not installed")
def test_docker_compose_reads_it_once_a_password_is_set() -> None:
    command = ["docker", "compose", "--file", COMPOSE, "config", "--quiet"]
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    assert subprocess.run(command, env=path, capture_output=True).returncode != 0
    assert subprocess.run(command, env=path | {"SPANHOUSE_STORE_PASSWORD": "x"}).returncode == 0


def test_runs_one_collector_one_query_service_and_one_clickhouse(compose: dict[str, Any]) -> None:
    commands = {name: service.get("command") for name, service in compose["services"].items()}
    assert commands == {"clickhouse": None, "collector": ["collector"], "query": ["query"]}


def test_every_service_has_a_pinned_image_a_healthcheck_and_a_memory_limit(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["image"].rpartition(":")[2][0].isdigit(), f"{name}: the tag names no version"
        assert service["healthcheck"]["test"][0] == "CMD", f"{name}: healthcheck"
        assert service["mem_limit"].endswith("g"), f"{name}: memory limit"


def test_every_volume_is_declared_and_every_declared_volume_used(compose: dict[str, Any]) -> None:
    mounted = {mount.split(":")[0] for service in compose["services"].values() for mount in service.get("volumes", [])}
    assert mounted == set(compose["volumes"])


def test_publishes_on_loopback_only(compose: dict[str, Any]) -> None:
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert sorted(published) == ["127.0.0.1:4317:4317", "127.0.0.1:4318:4318", "127.0.0.1:8080:8080"]


def test_takes_the_password_from_the_environment_and_refuses_to_start_without(compose: dict[str, Any]) -> None:
    services = compose["services"]
    passwords = {
        services["clickhouse"]["environment"]["CLICKHOUSE_PASSWORD"],
        services["collector"]["environment"]["SPANHOUSE_STORE_PASSWORD"],
        services["query"]["environment"]["SPANHOUSE_STORE_PASSWORD"],
    }
    (password,) = passwords
    assert password.startswith("${SPANHOUSE_STORE_PASSWORD:?")


def test_the_services_share_one_database_and_user(compose: dict[str, Any]) -> None:
    server = compose["services"]["clickhouse"]["environment"]
    for name in ("collector", "query"):
        client = compose["services"][name]["environment"]
        assert client["SPANHOUSE_STORE"] == "http://clickhouse:8123"
        assert client["SPANHOUSE_STORE_DATABASE"] == server["CLICKHOUSE_DB"]
        assert client["SPANHOUSE_STORE_USER"] == server["CLICKHOUSE_USER"]


def test_runs_the_clickhouse_release_that_the_tests_run_embedded(compose: dict[str, Any]) -> None:
    embedded = importlib.metadata.version("chdb-core")  # numbered like the ClickHouse release it contains
    tag = compose["services"]["clickhouse"]["image"].rpartition(":")[2]
    assert embedded.split(".")[:2] == tag.split(".")[:2]
    manifest = (DEPLOY / "kubernetes/overlays/single-node/clickhouse.yaml").read_text()
    assert f"image: clickhouse/clickhouse-server:{tag}\n" in manifest


def test_builds_the_image_from_files_that_exist(compose: dict[str, Any]) -> None:
    build = compose["services"]["collector"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()

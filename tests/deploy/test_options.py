"""The commands and options that deploy/ names are those of the program, with values that it takes."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.cli.running import command
from tests.deploy.conftest import DEPLOY

# What the placeholder of Compose or the secret of Kubernetes stands for.
PASSWORD = "correct horse"

Environment = dict[str, str]


def of_the_image() -> Environment:
    """The variables that every container starts with."""
    text = (DEPLOY / "Containerfile").read_text()
    return dict(re.findall(r"(SPANHOUSE_\w+)=(\S+)", text))


def of_compose(service: str) -> Environment:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    environment: Environment = compose["services"][service]["environment"]
    return {name: PASSWORD if value.startswith("${") else value for name, value in environment.items()}


def of_kubernetes(workload: str) -> Environment:
    """The variables of a pod: those of the generated config map, then its own."""
    kustomization = yaml.safe_load((DEPLOY / "kubernetes/base/kustomization.yaml").read_text())
    (generated,) = kustomization["configMapGenerator"]
    manifests = list(yaml.safe_load_all((DEPLOY / f"kubernetes/base/{workload}.yaml").read_text()))
    (container,) = manifests[0]["spec"]["template"]["spec"]["containers"]
    own = {entry["name"]: entry.get("value", PASSWORD) for entry in container["env"]}
    return dict(literal.split("=", 1) for literal in generated["literals"]) | own


def spanhouse(*arguments: str, variables: Environment) -> subprocess.CompletedProcess[str]:
    """Runs the program with these variables and no other option from the environment."""
    return command(*arguments, **variables)


DEPLOYED = {
    "image": of_the_image(),
    "compose collector": of_the_image() | of_compose("collector"),
    "compose query": of_the_image() | of_compose("query"),
    "kubernetes collector": of_the_image() | of_kubernetes("collector"),
    "kubernetes query": of_the_image() | of_kubernetes("query"),
}


@pytest.mark.parametrize("place", DEPLOYED)
def test_every_option_is_known_and_its_value_taken(place: str) -> None:
    options = {name: value for name, value in DEPLOYED[place].items() if name.startswith("SPANHOUSE_")}
    answer = spanhouse("config", "--json", variables=DEPLOYED[place])
    assert answer.returncode == 0, answer.stderr
    effective: dict[str, Any] = json.loads(answer.stdout)
    from_environment = {option["origin"] for option in effective.values() if "SPANHOUSE_" in option["origin"]}
    assert {name for name in options if any(name in origin.split() for origin in from_environment)} == set(options)


@pytest.mark.parametrize("place", ["compose collector", "compose query", "kubernetes collector", "kubernetes query"])
def test_the_store_is_a_server_with_a_password(place: str) -> None:
    variables = DEPLOYED[place]
    assert variables["SPANHOUSE_STORE"] == "http://clickhouse:8123"
    assert variables["SPANHOUSE_STORE_PASSWORD"] == PASSWORD


@pytest.mark.parametrize("name", ["up", "collector", "query", "status", "migrate"])
def test_every_command_is_there(name: str) -> None:
    answer = spanhouse(name, "--help", variables={})
    assert (answer.returncode, answer.stderr) == (0, "")

"""deploy/Containerfile: read as text, since nothing here may need a container engine."""

import re
import tomllib

import pytest

from tests.deploy.conftest import DEPLOY, ROOT

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def instructions() -> list[Instruction]:
    """Each instruction with its arguments, continuation lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], " ".join(line.split()[1:])) for line in text.splitlines() if line.strip()]


def last(instructions: list[Instruction], keyword: str) -> str:
    return [arguments for name, arguments in instructions if name == keyword][-1]


def test_every_copied_file_exists_and_is_let_through_to_the_build(instructions: list[Instruction]) -> None:
    let_through = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        source
        for name, arguments in instructions
        if name == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert sorted(copied) == sorted(let_through)


def test_copies_everything_the_wheel_is_built_from(instructions: list[Instruction]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {package.split("/")[0] for package in packages}
    needed |= {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    copied = {source for name, arguments in instructions if name == "COPY" for source in arguments.split()[:-1]}
    assert needed <= copied


def test_installs_pinned_versions_with_hashes_only(instructions: list[Instruction]) -> None:
    installs = [
        command
        for name, arguments in instructions
        if name == "RUN"
        for command in arguments.split("&&")
        if "pip" in command and "install" in command
    ]
    assert len(installs) == 3
    assert [command for command in installs if "--require-hashes" not in command and "--no-deps" not in command] == []


def test_runs_as_a_numbered_user_that_is_not_root(instructions: list[Instruction]) -> None:
    user = last(instructions, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), user
    manifests = "".join(path.read_text() for path in (DEPLOY / "kubernetes/base").glob("*.yaml"))
    assert set(re.findall(r"runAsUser: (\d+)", manifests)) == {user.split(":")[0]}


def test_starts_the_all_in_one_service_and_can_say_how_it_is(instructions: list[Instruction]) -> None:
    assert last(instructions, "ENTRYPOINT") == '["spanhouse"]'
    assert last(instructions, "CMD") == '["up"]'
    assert last(instructions, "HEALTHCHECK").endswith('CMD ["spanhouse", "status"]')


def test_is_built_on_a_python_of_the_supported_range(instructions: list[Instruction]) -> None:
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.1[123]-slim-\w+", last(instructions, "ARG"))


def test_compose_and_kubernetes_run_the_version_of_this_checkout() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"image: spanhouse:{version}\n" in (DEPLOY / "compose.yaml").read_text()
    assert f"newTag: {version}\n" in (DEPLOY / "kubernetes/base/kustomization.yaml").read_text()

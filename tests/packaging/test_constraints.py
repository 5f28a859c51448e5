"""The pinned versions: complete, in range, hash-checked, and free of any registry's address."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SUPPORTED = ["3.11", "3.12", "3.13"]
SERVER, BUILD, EVERYTHING = FILES = ["constraints.txt", "constraints-build.txt", "constraints-dev.txt"]
# Which files pin what is declared in which table; every other table is of the tools or the demo shop.
PINNED_IN = {"server": [SERVER, EVERYTHING], "build": [BUILD, EVERYTHING], "build-system": [BUILD, EVERYTHING]}


def pins(file: str) -> list[tuple[Requirement, list[str]]]:
    """Each pin of a constraints file with its hashes."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(Requirement(line.split(" --hash=")[0]), re.findall(r"--hash=(\S+)", line)) for line in lines]


def pinned(file: str, python: str) -> dict[str, str]:
    """The version of each distribution that applies to one Python on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    applying = [pin for pin, _ in pins(file) if pin.marker is None or pin.marker.evaluate(environment)]
    versions: dict[str, str] = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in applying}
    assert len(versions) == len(applying), "a distribution is pinned twice for the same interpreter"
    return versions


def declared() -> dict[str, list[Requirement]]:
    """The direct dependencies in pyproject.toml by where they are declared."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tables: dict[str, list[Any]] = {
        "server": project["project"]["dependencies"],
        "build-system": project["build-system"]["requires"],
        **project["project"]["optional-dependencies"],
        **project["dependency-groups"],
    }
    return {name: [Requirement(entry) for entry in table if isinstance(entry, str)] for name, table in tables.items()}


@pytest.mark.parametrize("file", FILES)
def test_names_no_registry(file: str) -> None:
    text = (ROOT / file).read_text()
    assert re.findall(r"\S*(?:://|--index|--extra-index|--find-links|--trusted-host)\S*", text) == []


@pytest.mark.parametrize("file", FILES)
def test_pins_exactly_and_with_sha256_hashes(file: str) -> None:
    loose = [
        str(pin)
        for pin, hashes in pins(file)
        if not re.fullmatch(r"==[^*,]+", str(pin.specifier))
        or not hashes
        or not all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in hashes)
    ]
    assert loose == []


@pytest.mark.parametrize("python", SUPPORTED)
def test_pins_every_direct_dependency_within_its_range(python: str) -> None:
    available = {file: pinned(file, python) for file in FILES}
    wrong = [
        f"{requirement} ({table}) against {available[file].get(canonicalize_name(requirement.name))} in {file}"
        for table, requirements in declared().items()
        for requirement in requirements
        for file in PINNED_IN.get(table, [EVERYTHING])
        if not requirement.specifier.contains(available[file].get(canonicalize_name(requirement.name), "0"))
    ]
    assert wrong == []


@pytest.mark.parametrize("python", SUPPORTED)
@pytest.mark.parametrize("file", [SERVER, BUILD])
def test_what_is_shipped_is_what_is_tested(file: str, python: str) -> None:
    assert pinned(file, python).items() <= pinned(EVERYTHING, python).items()


def test_the_documentation_lists_every_direct_dependency_with_its_range() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    documented = {(canonicalize_name(name), str(Requirement(f"x{versions}").specifier)) for name, versions in rows}
    requirements = {
        (canonicalize_name(requirement.name), str(requirement.specifier))
        for table, entries in declared().items()
        if table != "build-system"
        for requirement in entries
    }
    assert documented == requirements

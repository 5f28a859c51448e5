"""What the sdist and the wheel carry: all that runs, nothing that only tests."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT

FOLDERS = ["cli", "collector", "demo", "query", "storage"]


def tracked() -> set[str]:
    """Every file of the five packages, relative to its folder: what an installation needs."""
    return {
        str(path.relative_to(ROOT / folder))
        for folder in FOLDERS
        for path in (ROOT / folder / f"spanhouse_{folder}").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }


@pytest.fixture(scope="session")
def wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="session")
def sdist_names(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames()}


def test_the_wheel_carries_the_packages_whole_and_nothing_else(wheel_names: set[str]) -> None:
    assert {name for name in wheel_names if ".dist-info/" not in name} == tracked()


def test_the_wheel_carries_schema_messages_and_type_markers(wheel_names: set[str]) -> None:
    assert {"spanhouse_storage/schema/otlp.proto", "spanhouse_storage/schema/0001_traces.sql"} <= wheel_names
    assert {f"spanhouse_{folder}/py.typed" for folder in FOLDERS} <= wheel_names


def test_the_wheel_carries_the_licence(wheel_names: set[str]) -> None:
    assert [name for name in wheel_names if name.endswith(".dist-info/licenses/LICENSE")] != []


def test_the_wheel_offers_the_spanhouse_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        assert archive.read(entry_points).decode() == "[console_scripts]\nspanhouse = spanhouse_cli.main:main\n"


def test_the_sdist_carries_what_the_wheel_is_built_from_and_no_tests(sdist_names: set[str]) -> None:
    sources = {f"{name.split('/')[0].removeprefix('spanhouse_')}/{name}" for name in tracked()}
    frame = {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", ".gitignore"}
    assert sources | frame <= sdist_names
    assert sdist_names - sources - frame <= {"CHANGELOG.md"}

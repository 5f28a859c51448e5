"""`make`: the interpreter it finds, what it says when there is none, and what the documents promise of it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT


def make(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the Makefile in a folder, free of the settings of a `make` that runs these tests."""
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "PYTHON"}
    }
    if path is not None:
        environment["PATH"] = path
    command = ["make", "--no-print-directory", "-C", f"{folder}", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def script(path: Path, body: str) -> None:
    """Writes an executable shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what `make install` reads, and nothing installed."""
    for name in ("Makefile", "pyproject.toml", "constraints-dev.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "choice.mk").write_text("include Makefile\nchoice:\n\t@echo $(PYTHON)\n")
    return tmp_path


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder to be the PATH: the shell tools of the Makefile and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "sh", "awk"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def test_takes_the_newest_python_that_really_runs(checkout: Path, programs: Path) -> None:
    script(programs / "python3.13", "echo 'command not found' >&2; exit 127")
    script(programs / "python3.12", f'exec {sys.executable} "$@"')
    script(programs / "python3.11", f'exec {sys.executable} "$@"')
    assert make(checkout, "--file=choice.mk", "choice", path=f"{programs}").stdout == "python3.12\n"


def test_takes_python3_when_no_versioned_name_exists(checkout: Path, programs: Path) -> None:
    script(programs / "python3", f'exec {sys.executable} "$@"')
    assert make(checkout, "--file=choice.mk", "choice", path=f"{programs}").stdout == "python3\n"


def test_says_what_is_missing_when_no_python_fits(checkout: Path, programs: Path) -> None:
    script(programs / "python3", "exit 1")
    answer = make(checkout, "install", path=f"{programs}")
    assert answer.returncode != 0
    assert "Spanhouse needs Python 3.11, 3.12 or 3.13" in answer.stderr
    assert "make PYTHON=" in answer.stderr


def test_says_that_the_named_python_does_not_fit(checkout: Path) -> None:
    answer = make(checkout, "install", "PYTHON=/nowhere/python")
    assert answer.returncode != 0
    assert "'/nowhere/python'" in answer.stderr


def test_installs_nothing_anew_while_nothing_has_changed(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    for stamp in (".pins", ".installed"):
        (checkout / ".venv" / stamp).touch()
    assert make(checkout, "--question", "install").returncode == 0
    newer = (checkout / ".venv/.installed").stat().st_mtime + 1
    os.utime(checkout / "constraints-dev.txt", (newer, newer))
    assert make(checkout, "--question", "install").returncode == 1


def listed() -> set[str]:
    """The targets that `make help` lists."""
    return set(re.findall(r"^  make (\S+)", make(ROOT, "help").stdout, re.MULTILINE))


def test_lists_every_target_with_one_line() -> None:
    phony = re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed() == set(phony)


def test_the_readme_and_ci_name_targets_that_exist() -> None:
    as_code = r"(?:`|^[ $]*)make ([a-z]+)(?=`|\s*(?:#|$))"
    named = re.findall(as_code, (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= listed()
    in_ci = re.search(r"^for target in ([a-z ]+);", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert in_ci is not None
    assert {"lint", "types", "test"} <= set(in_ci[1].split()) <= listed()

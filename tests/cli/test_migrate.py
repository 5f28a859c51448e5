"""`spanhouse migrate`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from spanhouse_storage import DataDirectory, StoreConfig, known_migrations, open_store

from tests.cli.running import spanhouse
from tests.support.clickhouse import ClickHouse

APPLIED = [f"Applied migration {each.version} ({each.name})." for each in known_migrations()]
UP_TO_DATE = (
    f"The schema is at version {known_migrations()[-1].version}, which is what this version of Spanhouse needs."
)


@pytest.fixture(params=["embedded", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """The flags for an empty database on each engine in turn."""
    if request.param == "embedded":
        yield [f"--data-dir={tmp_path}/data"]
        return
    clickhouse: ClickHouse = request.getfixturevalue("clickhouse")
    database = f"test_{secrets.token_hex(6)}"
    yield clickhouse.flags(database, tmp_path)
    with closing(open_store(StoreConfig(engine=clickhouse.config()))) as opened:
        opened.command(f"DROP DATABASE {database}")


def test_it_says_what_it_did_and_does_it_once(store: list[str]) -> None:
    unmade = spanhouse("migrate", *store, "--check")
    assert (unmade.returncode, unmade.stdout) == (1, "")
    assert "no Spanhouse schema yet" in unmade.stderr
    assert spanhouse("migrate", *store).stdout.splitlines() == [*APPLIED, UP_TO_DATE]
    for arguments in ([], ["--check"]):
        again = spanhouse("migrate", *store, *arguments)
        assert (again.returncode, again.stdout.splitlines()) == (0, [UP_TO_DATE])


def test_a_check_makes_no_folder(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        before = sorted(folder.rglob("*"))
        ended = spanhouse("migrate", "--check", f"--data-dir={folder}")
        assert (ended.returncode, ended.stderr) == (
            1,
            f"Error: there is no Spanhouse schema yet: {folder} has no data\n",
        )
        assert (sorted(folder.rglob("*")), (tmp_path / "absent").exists()) == (before, False)


def test_the_folder_of_a_running_service_is_left_alone(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.lock()
    ended = spanhouse("migrate", f"--data-dir={directory.path}")
    directory.unlock()
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "is in use by another Spanhouse" in ended.stderr

"""`spanhouse config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from spanhouse_cli.configuration import load
from spanhouse_cli.main import main
from spanhouse_cli.options import OPTIONS


def run(*arguments: str, **environment: str) -> str:
    result = CliRunner().invoke(main, ["config", *arguments], env=environment)
    assert result.exit_code == 0, result.output
    return result.output


def test_every_option_is_shown_with_its_value_and_origin(tmp_path: Path) -> None:
    config = tmp_path / "spanhouse.yaml"
    config.write_text("query_timeout: 30s\n")
    output = run(f"--config={config}", "--http=127.0.0.1:80", "--no-self-tracing", SPANHOUSE_LOG_LEVEL="debug")
    rows = {line.split()[0]: line.split()[1:] for line in output.splitlines()}
    assert list(rows) == ["OPTION", *OPTIONS]
    assert rows["query_timeout"] == ["30s", f"{config}:1"]
    assert rows["http"] == ["127.0.0.1:80", "--http"]
    assert rows["self_tracing"] == ["false", "--no-self-tracing"]
    assert rows["log_level"] == ["debug", "SPANHOUSE_LOG_LEVEL"]
    assert rows["max_body"] == ["10MiB", "default"]


def test_json_has_value_and_origin_of_every_option() -> None:
    document = json.loads(run("--json", SPANHOUSE_MAX_BODY="1MiB"))
    assert list(document) == list(OPTIONS)
    assert document["max_body"] == {"value": "1MiB", "origin": "SPANHOUSE_MAX_BODY"}


def test_yaml_is_a_file_that_gives_the_same_configuration(tmp_path: Path) -> None:
    given = {"SPANHOUSE_HTTP": "[::1]:0", "SPANHOUSE_DATA_DIR": "/a folder: #1", "SPANHOUSE_STORE_USER": "O'Brien"}
    config = tmp_path / "spanhouse.yaml"
    config.write_text(run("--yaml", **given))
    assert load({}, config, {}).settings == load({}, None, given).settings


@pytest.mark.parametrize("form", [[], ["--json"], ["--yaml"]])
def test_secrets_are_hidden(form: list[str]) -> None:
    output = run(*form, SPANHOUSE_STORE_PASSWORD="hunter2")
    assert "hunter2" not in output
    assert "********" in output


def test_a_wrong_configuration_ends_with_exit_code_2_and_no_stack_trace() -> None:
    result = CliRunner().invoke(main, ["config", "--max-body=ten"], env={"SPANHOUSE_NONSENSE": "1"})
    assert result.exit_code == 2
    assert result.output.splitlines()[0] == "Error: the configuration cannot be used."
    assert "--max-body: max_body cannot be 'ten'; allowed is a size from 1KiB to 1GiB" in result.output
    assert "SPANHOUSE_NONSENSE: there is no such variable" in result.output


def test_one_form_at_a_time() -> None:
    result = CliRunner().invoke(main, ["config", "--json", "--yaml"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--json and --yaml exclude each other" in result.stderr

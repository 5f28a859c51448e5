"""What `--help` tells."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from spanhouse_cli.main import main
from spanhouse_cli.options import OPTIONS
from spanhouse_cli.version import VERSION

COMMANDS = ["up", "demo", "status", "config", "migrate", "keys", "quarantine", "collector", "query"]
SERVING = ["otlp_grpc", "otlp_http", "http", "data_dir", "log_level", "log_format", "shutdown_timeout"]


def help_of(*command: str) -> str:
    result = CliRunner().invoke(main, [*command, "--help"], terminal_width=200)
    assert result.exit_code == 0
    return result.output


def test_the_commands_stand_in_the_order_in_which_one_needs_them() -> None:
    listed = [line.split()[0] for line in help_of().partition("Commands:\n")[2].splitlines()]
    assert listed == COMMANDS


def test_no_description_of_a_command_is_cut_off() -> None:
    assert "..." not in CliRunner().invoke(main, ["--help"], terminal_width=80).output.partition("Commands:\n")[2]


@pytest.mark.parametrize("command", ["up", "config"])
def test_the_help_has_every_option_with_its_variable_and_default(command: str) -> None:
    text = " ".join(help_of(command).split())
    for option in OPTIONS.values():
        if option.flag is not None:
            assert option.flag in text
            assert f"[env: {option.env}; default: {option.default or 'none'}]" in text


@pytest.mark.parametrize(
    ("command", "flags", "missing"),
    [
        ("collector", ["--data-dir", "--store", "--max-body", "--otlp-grpc"], ["--query-timeout", "--engine-memory"]),
        ("query", ["--http", "--store", "--query-timeout"], ["--data-dir", "--otlp-grpc", "--max-body"]),
        ("migrate", ["--data-dir", "--store", "--check"], ["--http", "--query-timeout"]),
        ("status", ["--data-dir", "--http", "--json"], ["--store", "--otlp-grpc"]),
        ("demo", ["--up", "--data-dir", "--http", "--journeys", "--rate"], ["--max-body"]),
    ],
)
def test_a_command_has_the_flags_that_it_uses(command: str, flags: list[str], missing: list[str]) -> None:
    words = help_of(command).split()
    assert [flag for flag in flags if flag not in words] == []
    assert [flag for flag in missing if flag in words] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_examples_of_itself(command: str) -> None:
    assert f"spanhouse {command}" in help_of(command).partition("Examples:\n")[2]


def test_no_password_is_taken_from_the_command_line() -> None:
    result = CliRunner().invoke(main, ["up", "--store-password", "hunter2"])
    assert result.exit_code == 2
    assert "--store-password-file" in result.output


def test_a_mistyped_flag_gets_the_right_one_proposed() -> None:
    result = CliRunner().invoke(main, ["up", "--data-dri", "x"])
    assert (result.exit_code, "--data-dir" in result.output) == (2, True)


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"spanhouse {VERSION}\n"


def test_help_does_not_load_the_engine() -> None:
    program = (
        "import sys\nfrom click.testing import CliRunner\nfrom spanhouse_cli.main import main\n"
        "CliRunner().invoke(main, ['up', '--help'])\n"
        "print([name for name in ('chdb', 'clickhouse_connect', 'grpc', 'uvicorn') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"

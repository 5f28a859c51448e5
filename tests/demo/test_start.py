"""What the shop says instead of starting when something it needs is not there."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
import spanhouse_demo
from spanhouse_demo import DemoOptions, console
from spanhouse_demo.tally import Tally

from tests.demo.otlp_sink import OtlpSink

MODULE = [sys.executable, "-m", "spanhouse_demo"]


def run(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=20, check=False
    )


def test_endpoint_that_does_not_answer_is_named_with_the_remedy(sink: OtlpSink) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = run(*MODULE, "--otlp-grpc-url", sink.grpc_url, "--otlp-http-url", url)

    assert result.returncode == 1
    assert f"Error: no OTLP endpoint answers at {url}. Start Spanhouse first: spanhouse up\n" == result.stderr
    assert sink.spans == []


def test_url_without_port_is_refused() -> None:
    result = run(*MODULE, "--otlp-http-url", "localhost:4318")

    assert result.returncode == 2
    assert "'localhost:4318' is not an OTLP endpoint: it must look like http://127.0.0.1:4317" in result.stderr


def test_missing_extra_is_named_with_the_remedy(tmp_path: Path) -> None:
    """An environment with click and the shop, and without anything else that is not in the standard library."""
    for package in (click, spanhouse_demo):
        source = Path(str(package.__file__)).parent
        (tmp_path / source.name).symlink_to(source)

    result = run(sys.executable, "-S", "-m", "spanhouse_demo", PYTHONPATH=str(tmp_path))

    assert result.returncode == 1
    assert "pip install 'spanhouse[demo]', or in a checkout pip install '.[demo]'" in result.stderr
    assert "flask" in result.stderr


def test_help_names_the_options() -> None:
    result = run(*MODULE, "--help")

    assert result.returncode == 0
    for option in ("--otlp-grpc-url", "--otlp-http-url", "--ui-url", "--rate", "--journeys", "--seed"):
        assert option in result.stdout


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0.0}, "rate is 0.0: it must be more than 0 and at most 100 journeys per second"),
        ({"journeys": 0}, "journeys is 0: it must be 1 or more"),
        ({"ready_timeout": -1.0}, r"ready_timeout is -1.0: it must be more than 0 seconds"),
    ],
)
def test_option_that_makes_no_sense_is_refused_by_name(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DemoOptions(**values)  # type: ignore[arg-type]  # on purpose


def test_a_shop_that_closes_before_any_journey_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    console.say_result(Tally())

    assert capsys.readouterr().out == "The shop is closed before any journey was made.\n"

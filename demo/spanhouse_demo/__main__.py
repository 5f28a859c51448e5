"""`python -m spanhouse_demo`: the demo shop on its own."""

import sys

import click

from spanhouse_demo import DemoOptions, run

_DEFAULTS = DemoOptions()


@click.command()
@click.option("--otlp-grpc-url", default=_DEFAULTS.otlp_grpc_url, show_default=True, help="OTLP/gRPC endpoint.")
@click.option("--otlp-http-url", default=_DEFAULTS.otlp_http_url, show_default=True, help="OTLP/HTTP endpoint.")
@click.option("--ui-url", default=_DEFAULTS.ui_url, show_default=True, help="Where to look at the result.")
@click.option("--rate", default=_DEFAULTS.rate, show_default=True, help="Journeys per second.")
@click.option("--journeys", type=int, help="End after so many journeys. [default: run until stopped]")
@click.option("--seed", default=_DEFAULTS.seed, show_default=True, help="The same seed makes the same journeys.")
@click.option("--ready-timeout", default=_DEFAULTS.ready_timeout, show_default=True, help="Seconds to start in.")
def main(**values: str | float | int | None) -> None:
    """Run a small shop of instrumented services that sends its spans to a running Spanhouse."""
    try:
        options = DemoOptions(**values)  # type: ignore[arg-type]  # the options above are its fields
        sys.exit(run(options))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()

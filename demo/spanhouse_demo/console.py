"""What the person at the terminal sees."""

import sys

import click

from spanhouse_demo.options import DemoOptions
from spanhouse_demo.tally import Tally
from spanhouse_demo.topology import JOURNEYS, SERVICES, expected_calls


def say_opening(options: DemoOptions) -> None:
    """The services, and where their spans go."""
    click.echo(f"Starting the demo shop, {len(SERVICES)} services that send spans by OTLP:\n")
    for service in SERVICES:
        door = "gRPC" if service.protocol == "grpc" else "HTTP"
        click.echo(f"  {service.name:<11} {door:<5} {service.about}")
    click.echo(f"\n  gRPC goes to {options.otlp_grpc_url}, HTTP to {options.otlp_http_url}\n")


def say_open(options: DemoOptions) -> None:
    """Where to look."""
    amount = f"{options.journeys} journeys" if options.journeys else "journeys without end"
    click.echo(f"The shop is open: {amount}, {options.rate:g} per second. Ctrl-C stops it.")
    click.echo(f"Look at {click.style(options.ui_url, bold=True)}\n")


def say_progress(tally: Tally) -> None:
    """One line that overwrites itself; nothing when nobody watches."""
    if sys.stdout.isatty():
        click.echo(f"\r  {_made(tally)}\x1b[K", nl=False)


def say_news(message: str) -> None:
    """A change that the person should know of."""
    _clear_progress()
    click.echo(f"{click.style('Note:', fg='yellow')} {message}")


def say_result(tally: Tally) -> None:
    """What was done, and the calls that it took."""
    _clear_progress()
    calls = expected_calls(tally.made.elements())
    if not calls:
        click.echo("The shop is closed before any journey was made.")
        return
    click.echo(f"The shop is closed after {_made(tally)}:")
    click.echo("  " + ", ".join(f"{tally.made[kind]} {kind}" for kind in JOURNEYS if tally.made[kind]))
    click.echo("The shop made these calls:")
    for edge, count in calls.items():
        click.echo(f"  {edge.client:>10} -> {edge.server:<10} {edge.connection:<9} {count:>7}")


def say_error(message: str) -> None:
    """A problem, on standard error."""
    click.echo(f"{click.style('Error:', fg='red')} {message}", err=True)


def _clear_progress() -> None:
    if sys.stdout.isatty():
        click.echo("\r\x1b[K", nl=False)


def _made(tally: Tally) -> str:
    wrong = f", {tally.wrong} of them went wrong, at last {tally.last_wrong}" if tally.wrong else ""
    return f"{tally.made.total()} journeys{wrong}"

"""`spanhouse quarantine`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from spanhouse_cli import runtime_file
from spanhouse_cli.configuration import Configuration
from spanhouse_cli.failure import Failure
from spanhouse_cli.flags import GroupedCommand, configured
from spanhouse_cli.readable import readable_size
from spanhouse_cli.settings import Settings
from spanhouse_cli.table import aligned

if TYPE_CHECKING:
    from spanhouse_collector.segments.quarantined import Quarantined, QuarantineFolder

_LONGEST_REASON = 60
_HEAD = 512  # bytes of what is no request that are shown
_POLL_SECONDS = 0.1
EXAMPLES_LIST = """
spanhouse quarantine list
spanhouse quarantine list --data-dir ./traces --json
"""
EXAMPLES_SHOW = """
spanhouse quarantine show 01763643000000000000-ab12cd34
"""
EXAMPLES_RETRY = """
spanhouse quarantine retry 01763643000000000000-ab12cd34
spanhouse quarantine retry --all
"""
EXAMPLES_DROP = """
spanhouse quarantine drop 01763643000000000000-ab12cd34
spanhouse quarantine drop --all --yes
"""


class _Examples(click.Group):
    """Shows the examples of its commands."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand, one a line."""
        with formatter.section("Examples"):
            for command in self.commands.values():
                formatter.write(f"  {(command.epilog or '').strip().splitlines()[0]}\n")


@click.group(cls=_Examples)
def quarantine() -> None:
    """Look at requests that could not be stored.

    What was acknowledged and the engine cannot take is kept in the folder `quarantine` of --data-dir: nothing else
    waits for it. The commands work on that folder, whether Spanhouse runs or not.
    """


@quarantine.command("list", cls=GroupedCommand, epilog=EXAMPLES_LIST)
@configured(only=("data_dir",))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the reasons in full.")
def list_(configuration: Configuration, as_json: bool) -> None:
    """List what is in quarantine, oldest first.

    REASON begins with what it is counted under: `refused` (the engine cannot read it), `memory` (the engine has not the
    memory for it; `engine_memory` says how much it may take), `partial` (the spans are stored, the rollups of them are
    not) or `damaged` (bytes of the log that are not what was written).
    """
    entries = _entries(configuration.settings, [])
    if as_json:
        click.echo(json.dumps([_described(entry) for entry in entries], indent=2))
    elif entries:
        rows = [("ID", "WHEN", "TENANT", "SIGNAL", "ITEMS", "SIZE", "REASON"), *map(_row, entries)]
        click.echo(aligned(rows))
    else:
        click.echo("Nothing is in quarantine.")


@quarantine.command(cls=GroupedCommand, epilog=EXAMPLES_SHOW)
@configured(only=("data_dir",))
@click.argument("identity", metavar="ID")
def show(configuration: Configuration, identity: str) -> None:
    """Print why something is in quarantine, and what it is.

    Requests are printed as OTLP/JSON, each after a line with its tenant and its arrival; of bytes that are no request,
    the first 512 as hexadecimal.
    """
    entry = _entries(configuration.settings, [identity])[0]
    rows = [(name, str(value)) for name, value in _described(entry).items() if value is not None]
    click.echo(aligned([*rows, ("file", str(entry.path))]))
    try:
        for line in _content(entry):
            click.echo(line)
    except OSError as error:
        raise Failure(f"cannot read {entry.path}: {error.strerror}") from error


@quarantine.command(cls=GroupedCommand, epilog=EXAMPLES_RETRY)
@configured(only=("data_dir",))
@click.argument("identities", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that can be tried again.")
@click.option("--wait", type=click.FloatRange(0), default=10.0, metavar="SECONDS", show_default=True,
              help="How long to wait for a Spanhouse that runs to have taken it.")  # fmt: skip
def retry(configuration: Configuration, identities: Sequence[str], every: bool, wait: float) -> None:
    """Try to store it again, once.

    The bytes go back into the log under the name that they had there: a Spanhouse that runs on --data-dir takes them
    within a second, otherwise the next one does. However often it is tried, a request is stored once. What fails again
    comes back into quarantine; then the exit code is 1. Damaged and partly stored pieces cannot be tried again.
    """
    settings = configuration.settings
    chosen = _chosen(settings, identities, every, _can_be_tried)
    for entry in chosen:
        _give_back(settings, entry)
    if not chosen:
        return
    if runtime_file.read(settings.data_dir / "spanhouse.json") is None:
        click.echo(f"{len(chosen)} will be tried when Spanhouse starts on {settings.data_dir}.")
        return
    deadline = time.monotonic() + wait
    if failed := [entry for entry in chosen if not _is_taken(settings, entry, deadline)]:
        raise Failure(f"{len(failed)} of {len(chosen)} failed again; `spanhouse quarantine list` says why")


@quarantine.command(cls=GroupedCommand, epilog=EXAMPLES_DROP)
@configured(only=("data_dir",))
@click.argument("identities", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All that is there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(configuration: Configuration, identities: Sequence[str], every: bool, yes: bool) -> None:
    """Remove it for good. What is dropped was acknowledged to its sender and is nowhere else."""
    chosen = _chosen(configuration.settings, identities, every, lambda _: True)
    if chosen and not yes:
        items = sum(entry.items or 0 for entry in chosen)
        click.confirm(f"Remove {len(chosen)} with at least {items} spans or points for good?", abort=True)
    for entry in chosen:
        try:
            _folder(configuration.settings).drop(entry)
        except OSError as error:
            raise Failure(f"cannot remove {entry.path}: {error.strerror}") from error
        click.echo(f"{entry.id}: removed")


def _folder(settings: Settings) -> QuarantineFolder:
    from spanhouse_collector.segments.quarantined import QuarantineFolder
    from spanhouse_storage import DataDirectory

    return QuarantineFolder(DataDirectory(settings.data_dir).quarantine)


def _entries(settings: Settings, identities: Sequence[str]) -> list[Quarantined]:
    """Those of these ids, all without any. Raises Failure for one that is not there."""
    try:
        found = {entry.id: entry for entry in _folder(settings).entries()}
    except OSError as error:
        raise Failure(f"cannot read the quarantine of {settings.data_dir}: {error}") from error
    for identity in identities:
        if identity not in found:
            raise Failure(
                f"{identity!r} is not in quarantine on {settings.data_dir}; `spanhouse quarantine list` has the ids"
            )
    return [found[identity] for identity in identities or found]


def _chosen(
    settings: Settings, identities: Sequence[str], every: bool, fits: Callable[[Quarantined], bool]
) -> list[Quarantined]:
    if bool(identities) == every:
        raise click.UsageError("name what you mean: one or more ids, or --all")
    chosen = _entries(settings, identities)
    if every and not any(map(fits, chosen)):
        click.echo("There is nothing to do.")
    return [entry for entry in chosen if fits(entry)] if every else chosen


def _can_be_tried(entry: Quarantined) -> bool:
    return entry.kind not in ("damaged", "partial")


def _give_back(settings: Settings, entry: Quarantined) -> None:
    from spanhouse_collector.segments.quarantined import NotRetriable

    try:
        _folder(settings).retry(entry)
    except NotRetriable as error:
        raise Failure(f"{entry.id} cannot be tried again: {error}") from error
    except OSError as error:
        raise Failure(f"cannot move {entry.path}: {error.strerror}") from error


def _is_taken(settings: Settings, entry: Quarantined, deadline: float) -> bool:
    """Say what became of it; False where it came back."""
    from spanhouse_collector.segments.quarantined import is_in_log
    from spanhouse_storage import DataDirectory

    folder, log = _folder(settings), DataDirectory(settings.data_dir).log
    while True:
        now = folder.find(entry.id)
        is_loading = is_in_log(log, entry)
        if now is not None and not now.waits and not is_loading:
            click.echo(f"{entry.id}: failed again ({now.kind}: {_short(now.reason)})")
            return False
        if now is None and not is_loading and folder.find(entry.id) is None:
            click.echo(f"{entry.id}: stored")
            return True
        if time.monotonic() >= deadline:
            click.echo(f"{entry.id}: waits to be stored")
            return True
        time.sleep(_POLL_SECONDS)


def _row(entry: Quarantined) -> tuple[str, ...]:
    return (
        entry.id,
        _when(entry.at),
        entry.tenant or "?",
        entry.signal,
        "?" if entry.items is None else str(entry.items),
        readable_size(entry.size),
        f"{entry.kind}: {_short(entry.reason)}" + (" (to be tried again)" if entry.waits else ""),
    )


def _described(entry: Quarantined) -> dict[str, Any]:
    return {
        "id": entry.id,
        "when": _when(entry.at),
        "tenant": entry.tenant,
        "signal": entry.signal,
        "requests": entry.requests,
        "items": entry.items,
        "size": entry.size,
        "kind": entry.kind.value,
        "waits_for_retry": entry.waits,
        "reason": entry.reason,
    }


def _when(at: int) -> str:
    return datetime.fromtimestamp(at // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"


def _content(entry: Quarantined) -> Iterator[str]:
    from google.protobuf.message import DecodeError
    from spanhouse_collector.frame import Damage
    from spanhouse_collector.signals import SIGNALS
    from spanhouse_collector.transports.otlp_json import request_to_json

    signal = SIGNALS[entry.signal]
    for part, body in entry.parts():
        if isinstance(part, Damage):
            yield f"\nbytes {part.start} to {part.end}: {part.reason}"
            yield _hexadecimal(body)
            continue
        yield f"\nrequest of tenant {part.tenant}, received {_when(part.received_at)}"
        try:
            document = request_to_json(signal, signal.request.FromString(body))
            yield json.dumps(document, indent=2, ensure_ascii=False)
        except DecodeError as error:
            yield f"not an {signal.request.DESCRIPTOR.name} ({error}):"
            yield _hexadecimal(body)


def _hexadecimal(data: bytes) -> str:
    lines = [f"{at:08x}  {data[at : at + 16].hex(' ')}" for at in range(0, min(len(data), _HEAD), 16)]
    more = [f"… {len(data) - _HEAD} bytes more"] if len(data) > _HEAD else []
    return "\n".join([*lines, *more])

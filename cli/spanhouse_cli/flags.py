"""The flags of the commands, made from the options, and the help in which they stand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from spanhouse_cli.configuration import ConfigurationError, load
from spanhouse_cli.failure import Misconfigured
from spanhouse_cli.options import OPTIONS, Option
from spanhouse_cli.sources import CONFIG_VARIABLE

CONFIG_HELP = f"YAML file with options; environment variables and flags override it.  [env: {CONFIG_VARIABLE}]"


class GroupedCommand(click.Command):
    """A command whose help lists flags under the headings of their groups, its own flags first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections; see click.Command."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                sections.setdefault(getattr(parameter, "group", "Options"), []).append(record)
        for title in sorted(sections, key=lambda title: title != "Options"):
            with formatter.section(title):
                formatter.write_dl(sections[title], col_max=26)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand, one a line."""
        if self.epilog:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in self.epilog.strip().splitlines()))


class OptionFlag(click.Option):
    """The flag of one option."""

    def __init__(self, option: Option) -> None:
        assert option.flag is not None  # noqa: S101 - only options with a flag are made into one
        declaration = f"{option.flag}/{option.flag_for('false')}" if option.is_switch else option.flag
        super().__init__(
            [declaration],
            metavar=None if option.is_switch else option.kind.name,
            type=bool if option.is_switch else str,
            default=None,
            help=f"{option.meaning}  [env: {option.env}; default: {option.default or 'none'}]",
        )
        self.group = option.group


def configured(*, but: Collection[str] = (), only: Collection[str] | None = None) -> Callable[[Any], Any]:
    """Give a command `--config` and the flags of its options, and call it with the loaded `configuration`.

    `only` names its options, `but` those it has not, of all. A configuration that is wrong ends the command.
    """
    names = [name for name in (OPTIONS if only is None else only) if name not in but]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(config: Path | None, **values: Any) -> Any:
            flags = {name: _as_text(values.pop(name)) for name in names if OPTIONS[name].flag}
            try:
                configuration = load(flags, config)
            except ConfigurationError as error:
                raise Misconfigured(f"the configuration cannot be used.\n\n{error}") from error
            return function(configuration, **values)

        parameters = [OptionFlag(OPTIONS[name]) for name in names if OPTIONS[name].flag]
        command.__click_params__ = [*reversed(parameters), *getattr(command, "__click_params__", [])]  # type: ignore[attr-defined]  # where click's decorators keep them
        return click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help=CONFIG_HELP)(command)

    return decorate


def _as_text(value: str | bool | None) -> str | None:
    return str(value).lower() if isinstance(value, bool) else value

"""Every option as the help, the documentation and the messages speak of it, read from the settings model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from spanhouse_cli.kinds import Kind, Switch
from spanhouse_cli.settings import Settings

PREFIX = "SPANHOUSE_"


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the option table. The YAML key is `name`; `flag` is None where there is none."""

    name: str
    group: str
    kind: Kind
    default: str
    meaning: str
    flag: str | None

    @property
    def env(self) -> str:
        """The environment variable."""
        return PREFIX + self.name.upper()

    @property
    def is_switch(self) -> bool:
        """Whether its flag is `--name` or `--no-name`, without a value."""
        return isinstance(self.kind, Switch)

    def flag_for(self, value: str) -> str:
        """The flag that gave `value`."""
        flag = self.flag or self.name
        return flag.replace("--", "--no-", 1) if self.is_switch and value == "false" else flag


def _option(name: str, field: FieldInfo) -> Option:
    extra: Any = field.json_schema_extra
    (kind,) = field.metadata
    return Option(
        name=name,
        group=extra["group"],
        kind=kind,
        default=extra["shown_default"] or kind.show(field.default),
        meaning=field.description or "",
        flag="--" + name.replace("_", "-") if extra["flag"] else None,
    )


OPTIONS = {name: _option(name, field) for name, field in Settings.model_fields.items()}


def options_of(group: str) -> list[str]:
    """The names of the options of a group."""
    return [option.name for option in OPTIONS.values() if option.group == group]

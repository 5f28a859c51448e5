"""Where option values come from: flags, environment and file, each remembering the place of every value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from spanhouse_cli.options import OPTIONS, PREFIX
from spanhouse_cli.settings import Settings

CONFIG_VARIABLE = PREFIX + "CONFIG"

# Of two names, from 0 to 1, at which one is likely a slip of the other: below, a suggestion misleads.
_LIKENESS = 0.8

# Kubernetes tells every pod of a Service named `spanhouse-query` by variables like SPANHOUSE_QUERY_PORT_8080_TCP_ADDR
# (https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables).
_SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$")
_SERVICE_LINK_URL = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was given: `place` is `default`, `FILE:LINE`, the variable's or the flag's name."""

    source: Literal["default", "file", "environment", "flag"]
    place: str


DEFAULT = Origin("default", "default")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration, at `origin`, told in one line."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin.place}: {self.message}"


class Source(PydanticBaseSettingsSource):
    """Values by option name, as they were written, with their origins, and the problems found while reading them."""

    def __init__(self) -> None:
        super().__init__(Settings)
        self.values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = {}
        self.problems: list[Problem] = []

    def __call__(self) -> dict[str, Any]:
        """The values, for pydantic-settings."""
        return self.values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """See pydantic-settings: the value, its name, and that it is not JSON."""
        return self.values.get(field_name), field_name, False

    def give(self, name: str, value: str, origin: Origin) -> None:
        """Take a value for the option `name`."""
        self.values[name] = value
        self.origins[name] = origin


class Flags(Source):
    """The flags of the command line, by option name; None is a flag that was not given."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        super().__init__()
        for name, value in given.items():
            if value is not None:
                self.give(name, value, Origin("flag", OPTIONS[name].flag_for(value)))


class Environment(Source):
    """Variables that begin with `SPANHOUSE_`; an empty one counts as not set."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__()
        names = {option.env: option.name for option in OPTIONS.values()}
        known = (*names, CONFIG_VARIABLE)
        for variable, value in variables.items():
            origin = Origin("environment", variable)
            if variable in names and value:
                self.give(names[variable], value, origin)
            elif variable.startswith(PREFIX) and variable not in known and not _is_foreign(variable, value):
                meant = _did_you_mean(
                    variable.removeprefix(PREFIX), [each.removeprefix(PREFIX) for each in known], PREFIX
                )
                self.problems.append(Problem(origin, f"there is no such variable{meant}"))


class File(Source):
    """A YAML file with one mapping of option names to values.

    The values are read as they stand, so that YAML's types play no part: `on`, `0123` and `10:30` mean what they say.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            root = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            self.problems.append(Problem(Origin("file", str(path)), f"the configuration file cannot be read: {reason}"))
            return
        except yaml.YAMLError as error:
            self.problems.append(self._syntax_problem(error))
            return
        if isinstance(root, yaml.MappingNode):
            self._read(root)
        elif root is not None:
            self.problems.append(Problem(self._at(root.start_mark), "the file must be one mapping, `name: value`"))

    def _read(self, root: yaml.MappingNode) -> None:
        for key, value in root.value:
            name, origin = str(key.value), self._at(key.start_mark)
            if name not in OPTIONS:
                self.problems.append(Problem(origin, f"there is no option {name!r}{_did_you_mean(name, OPTIONS)}"))
            elif name in self.origins:
                self.problems.append(Problem(origin, f"{name} is given already at {self.origins[name].place}"))
            elif isinstance(value, yaml.ScalarNode):
                self.give(name, value.value, origin)
            else:
                allowed = OPTIONS[name].kind.allowed
                self.problems.append(Problem(origin, f"{name} must be one value; allowed is {allowed}"))

    def _at(self, mark: yaml.Mark) -> Origin:
        return Origin("file", f"{self._path}:{mark.line + 1}")

    def _syntax_problem(self, error: yaml.YAMLError) -> Problem:
        if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
            return Problem(self._at(error.problem_mark), f"not YAML: {error.problem}")
        return Problem(Origin("file", str(self._path)), f"not YAML: {error}")


def _is_foreign(variable: str, value: str) -> bool:
    """Whether the variable was set by Kubernetes for a Service whose name happens to begin like ours."""
    is_url = variable.endswith("_PORT") and _SERVICE_LINK_URL.match(value) is not None
    return is_url or _SERVICE_LINK.search(variable) is not None


def _did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """What to add to a message; `prefix` is what all names begin with, so that it makes none like another."""
    for written in (name, name.replace("-", "_").lower()):
        if close := difflib.get_close_matches(written, list(known), n=1, cutoff=_LIKENESS):
            return f"; did you mean {prefix}{close[0]}?"
    return ""

"""The configuration of one run: defaults, then the file, then the environment, then flags, checked as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spanhouse_cli.options import OPTIONS, Option
from spanhouse_cli.settings import Settings
from spanhouse_cli.sources import CONFIG_VARIABLE, DEFAULT, Environment, File, Flags, Origin, Problem, Source

_TIERS = ("retention_spans", "retention_minutes", "retention_hours", "retention_days")

_TOGETHER = (("tls_cert", "tls_key"), ("tls_key", "tls_cert"), ("tls_client_ca", "tls_cert"))


class ConfigurationError(Exception):
    """The configuration cannot be used; the message says of each problem where it is and what is allowed."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, where each of them was given, and the file that was read, if one was."""

    settings: Settings
    origins: Mapping[str, Origin]
    file: Path | None

    def shown(self, name: str) -> str:
        """The value of an option as text; a secret is hidden."""
        return OPTIONS[name].kind.show(getattr(self.settings, name))


def load(
    flags: Mapping[str, str | None], config: Path | None = None, environment: Mapping[str, str] | None = None
) -> Configuration:
    """The configuration from `flags` (None where not given), the environment and the file `config` or SPANHOUSE_CONFIG.

    Raises ConfigurationError with all problems at once.
    """
    variables = os.environ if environment is None else environment
    file = config or _named_file(variables)
    sources: tuple[Source, ...] = (Flags(flags), Environment(variables), *([File(file)] if file else []))
    origins = {name: origin for source in reversed(sources) for name, origin in source.origins.items()}
    problems = [problem for source in sources for problem in source.problems]
    try:
        settings = Settings(_build_sources=(sources, {}))  # type: ignore[call-arg]  # BaseSettings.__init__ takes it
    except ValidationError as error:
        problems += [_value_problem(each, origins) for each in error.errors()]
    else:
        problems += _contradictions(settings, origins)
    if problems:
        raise ConfigurationError("\n".join(str(problem) for problem in problems))
    return Configuration(settings, {name: origins.get(name, DEFAULT) for name in OPTIONS}, file)


def _named_file(variables: Mapping[str, str]) -> Path | None:
    named = variables.get(CONFIG_VARIABLE)
    return Path(named).expanduser() if named else None


def _value_problem(error: Any, origins: Mapping[str, Origin]) -> Problem:
    option = OPTIONS[error["loc"][0]]
    return Problem(origins[option.name], f"{_told(option, error['input'])}; allowed is {option.kind.allowed}")


def _told(option: Option, value: object) -> str:
    secret = option.kind.name == "SECRET"
    return f"{option.name} cannot be {'what it is' if secret else repr(value)}"


def _contradictions(settings: Settings, origins: Mapping[str, Origin]) -> list[Problem]:
    if settings.store_password_file is not None and "store_password" in origins:
        other = origins["store_password"].place
        return [Problem(origins["store_password_file"], f"store_password_file: store_password is given too ({other})")]
    return [*_lacking(settings, origins), *_misordered(settings, origins)]


def _lacking(settings: Settings, origins: Mapping[str, Origin]) -> list[Problem]:
    return [
        Problem(origins[given], f"{given} needs {needed} beside it")
        for given, needed in _TOGETHER
        if getattr(settings, given) is not None and getattr(settings, needed) is None
    ]


def _misordered(settings: Settings, origins: Mapping[str, Origin]) -> list[Problem]:
    return [
        Problem(
            origins.get(shorter, origins.get(longer, DEFAULT)),
            f"{shorter} is {OPTIONS[shorter].kind.show(getattr(settings, shorter))}, and {longer} must be at least as "
            f"long: it is {OPTIONS[longer].kind.show(getattr(settings, longer))}",
        )
        for shorter, longer in pairwise(_TIERS)
        if (kept := getattr(settings, longer)) is not None and kept < getattr(settings, shorter)
    ]

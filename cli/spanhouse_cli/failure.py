"""How a command ends that cannot do what it was asked: one message on standard error, without a stack trace."""

from __future__ import annotations

import click


class Failure(click.ClickException):
    """Something in the world is in the way: exit code 1."""

    exit_code = 1


class Misconfigured(click.ClickException):
    """The configuration, or the command line, is wrong: exit code 2."""

    exit_code = 2

"""Errors as the client sees them: problem details (RFC 9457)."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from spanhouse_storage import QueryCancelled, QueryTimeout, QueryTooLarge, StoreError, StoreUnavailable
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """An error. `type` is a stable word to branch on; `detail` says what was wrong and what is allowed."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str = Field(description="Path of the request.")
    parameter: str | None = Field(None, description="The parameter at fault.")
    position: int | None = Field(None, description="Where in the parameter's value, counted in characters from 0.")
    allowed: list[str] | None = Field(None, description="What the parameter, or the request, may be instead.")


class Problem(Exception):
    """An answer that is an error. `parameter`, `position` and `allowed` are left out where they do not apply."""

    def __init__(self, status: int, kind: str, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.members = {name: value for name, value in members.items() if value is not None}

    def response(self, instance: str) -> Response:
        """The problem as a response to a request for the path `instance`."""
        body = {
            "type": self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            **self.members,
        }
        headers = {"Retry-After": "1"} if self.status == 503 else None
        return Response(orjson.dumps(body), self.status, headers, MEDIA_TYPE)


def invalid_parameter(
    parameter: str, detail: str, *, position: int | None = None, allowed: list[str] | None = None
) -> Problem:
    """400 for a parameter that cannot be used."""
    return Problem(
        400,
        "invalid-parameter",
        "Invalid parameter",
        detail,
        parameter=parameter,
        position=position,
        allowed=allowed,
    )


def unknown_parameter(parameter: str, allowed: list[str]) -> Problem:
    """400 for a parameter that this endpoint does not have."""
    known = ", ".join(allowed) if allowed else "none"
    detail = f"{parameter!r} is not a parameter of this endpoint; it takes: {known}"
    return Problem(400, "unknown-parameter", "Unknown parameter", detail, parameter=parameter, allowed=allowed)


def not_found(detail: str, *, allowed: list[str] | None = None) -> Problem:
    """404."""
    return Problem(404, "not-found", "Not found", detail, allowed=allowed)


def validation_problem(error: ValidationError) -> Problem:
    """The problem for parameters that pydantic refused: the first one, with the value and what is allowed."""
    first = error.errors(include_url=False)[0]
    parameter = str(first["loc"][0]) if first["loc"] else str(first.get("ctx", {}).get("parameter", ""))
    if first["type"] == "missing":
        return invalid_parameter(parameter, f"{parameter} is required")
    message = first["msg"].removeprefix("Value error, ")
    value = "" if not first["loc"] else f"{parameter}={first['input']!r}: "
    allowed = first.get("ctx", {}).get("expected")
    names = [name.strip(" '") for name in allowed.replace(" or ", ", ").split(",")] if allowed else None
    return invalid_parameter(parameter, f"{value}{message}", allowed=names)


def store_problem(error: StoreError, remedy: str) -> Problem:
    """The problem for a query that the store could not answer. remedy: what the client can do about one too large."""
    match error:
        case QueryTimeout():
            detail = f"the query ran into its time limit (query_timeout); {remedy}"
            return Problem(504, "query-timeout", "The query took too long", detail)
        case QueryTooLarge():
            detail = f"the query ran into its limit of memory (query_memory) or rows (query_rows); {remedy}"
            return Problem(422, "query-too-large", "The query is too large", detail)
        case QueryCancelled():
            return Problem(503, "query-cancelled", "The query was stopped", "the service is stopping; try again")
        case StoreUnavailable():
            return Problem(503, "store-unavailable", "The store is unavailable", f"try again: {error}")
        case _:
            return Problem(500, "store-error", "The store failed", "the query failed; the log of the service has more")

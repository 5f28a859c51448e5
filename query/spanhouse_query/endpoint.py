"""An endpoint: one declaration that parses its requests, calls its function and describes both in OpenAPI."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ValidationError
from spanhouse_storage import Store, StoreError
from spanhouse_storage.tenant import TENANT_HEADER, tenant_of
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from spanhouse_query.config import QueryConfig
from spanhouse_query.parameters import Parameters
from spanhouse_query.problems import Problem, invalid_parameter, store_problem, unknown_parameter, validation_problem
from spanhouse_query.reader import Reader
from spanhouse_query.service_map.settled_totals import SettledTotals
from spanhouse_query.tiers import spans_kept_from

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an endpoint: what to read with, the service's settings and the request itself.

    settled: what is known of settled parts of service maps, by all requests.
    """

    reader: Reader
    request: Request
    settings: QueryConfig
    settled: SettledTotals = field(default_factory=SettledTotals)

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers."""
        return self.request.headers

    def spans_gone_before(self, start: int) -> int | None:
        """The instant before which spans may be gone, where a range that starts at `start` reaches back that far."""
        kept = spans_kept_from(self.settings.retention, self.reader.now)
        return kept if start < kept else None


Handler = Callable[[Call, Any], Awaitable[BaseModel | Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint, which answers GET, and POST with the parameters as a form where `methods` says so.

    handler: called with the call and an instance of `parameters`. answer: the model of its JSON answer, None where it
    answers none. media: other media types of its answer, each with a JSON schema or None for bytes. problems: the
    statuses of the problems it may answer with, beside those that all have. headers: those of its answer, with what
    they mean. advice: what a client can do where a query is too slow or too large; by default narrow the parameters.
    error: the model of its errors where those are not problem details.
    observed: whether it reads the store for users; its requests are then traced and counted.
    """

    path: str
    handler: Handler
    summary: str
    parameters: type[Parameters]
    answer: type[BaseModel] | None = None
    media: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""
    error: type[BaseModel] | None = None
    methods: tuple[str, ...] = ("GET",)
    observed: bool = True

    @property
    def path_parameters(self) -> list[str]:
        """Names of the parameters in the path."""
        return re.findall(r"{(\w+)", self.path)

    @property
    def query_parameters(self) -> list[str]:
        """Names of the query parameters as clients write them."""
        names = [info.alias or name for name, info in self.parameters.model_fields.items()]
        return [name for name in names if name not in self.path_parameters]

    @property
    def remedy(self) -> str:
        """What a client can do where a query is too slow or too large: what this endpoint takes, and nothing else."""
        narrower = {"from": "narrow the time range (from, to)", "service": "name a service", "q": "add conditions to q"}
        known = [advice for name, advice in narrower.items() if name in self.query_parameters]
        return self.advice or ", or ".join(known) or "try again later"


class EndpointApp:
    """Answers requests to one endpoint. failed: told the type of the problem where the store gave no answer."""

    def __init__(
        self,
        endpoint: Endpoint,
        store: Store,
        settings: QueryConfig,
        clock: Callable[[], int] = time.time_ns,
        *,
        failed: Callable[[str], None] = lambda _: None,
        settled: SettledTotals | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._store = store
        self._settings = settings
        self._clock = clock
        self._failed = failed
        self._settled = SettledTotals() if settled is None else settled

    async def __call__(self, request: Request) -> Response:
        """The answer, whatever happens: an unexpected error is logged and answered as 500."""
        try:
            return await self._answer(request)
        except Problem as problem:
            return problem.response(request.url.path)
        except StoreError as error:
            answer = store_problem(error, self._endpoint.remedy)
            self._failed(answer.kind)
            if answer.status == 500:
                _log.error("query failed", exc_info=error)
            return answer.response(request.url.path)
        except Exception:
            _log.exception("request failed")
            return internal_problem().response(request.url.path)

    async def _answer(self, request: Request) -> Response:
        now = self._clock()
        parameters = parse(self._endpoint, request, now)
        tenant = tenant_in(request)
        call = Call(Reader(self._store, tenant, now), request, self._settings, self._settled)
        answer = await self._endpoint.handler(call, parameters)
        if isinstance(answer, Response):
            return answer
        return Response(answer.model_dump_json(by_alias=True), media_type="application/json")


def tenant_in(request: Request) -> str:
    """The tenant whose data is asked for. Raises Problem for a name that cannot be one."""
    try:
        return tenant_of(request.headers.get(TENANT_HEADER))
    except ValueError as error:
        raise Problem(400, "invalid-tenant", "Invalid tenant", str(error)) from error


def parse(endpoint: Endpoint, request: Request, now: int) -> Parameters:
    """The request's parameters. Raises Problem for one that is unknown, given twice, missing or malformed."""
    values: dict[str, Any] = path_values(endpoint, request)
    allowed = endpoint.query_parameters
    for name, value in request.query_params.multi_items():
        if name not in allowed:
            raise unknown_parameter(name, allowed)
        if name in values:
            raise invalid_parameter(name, f"{name} is given twice")
        values[name] = value
    try:
        return endpoint.parameters.model_validate(values, context={"now": now})
    except ValidationError as error:
        raise validation_problem(error) from None


def path_values(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """The parameters in the path, from what was sent: routing has decoded a slash within one (%2F) already."""
    template = endpoint.path.split("/")
    sent = (request.scope.get("raw_path") or b"").partition(b"?")[0].decode("ascii", "replace").split("/")
    if len(sent) != len(template):
        return dict(request.path_params)
    pairs = zip(template, sent, strict=True)
    return {part.strip("{}").partition(":")[0]: unquote(value) for part, value in pairs if part.startswith("{")}


def internal_problem() -> Problem:
    """500, without what went wrong: that is in the log."""
    return Problem(500, "internal", "Internal error", "the request failed; the log of the service has more")


async def http_problem(request: Request, error: Exception) -> Response:
    """Starlette's own errors (no such path, no such method) as problems."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        problem = Problem(404, "not-found", "Not found", f"there is nothing at {request.url.path}; see /openapi.json")
    elif status == 405:
        problem = Problem(405, "method-not-allowed", "Method not allowed", "this path answers GET", allowed=["GET"])
    else:
        problem = internal_problem()
    response = problem.response(request.url.path)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response

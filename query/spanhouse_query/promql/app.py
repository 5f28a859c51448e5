"""Requests to Prometheus' API: forms as well as query strings, and errors in Prometheus' words."""

from __future__ import annotations

import logging
from typing import Any, Literal
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError
from spanhouse_storage import QueryTimeout, QueryTooLarge, StoreError
from starlette.requests import Request
from starlette.responses import Response

from spanhouse_query.endpoint import Call, EndpointApp, path_values, tenant_in
from spanhouse_query.parameters import Parameters
from spanhouse_query.problems import Problem, store_problem, validation_problem
from spanhouse_query.promql.errors import BadExpression, QueryError
from spanhouse_query.reader import Reader
from spanhouse_query.series.limits import TooManySamples
from spanhouse_query.series.relabelled import SameLabels

_log = logging.getLogger(__name__)
_NO_EXPRESSION = "CANNOT_COMPILE_REGEXP"
_FORM = "application/x-www-form-urlencoded"


class PrometheusError(BaseModel):
    """An error as Prometheus' API tells it."""

    status: Literal["error"] = "error"
    errorType: Literal["bad_data", "execution", "timeout", "unavailable", "internal"]
    error: str


class PrometheusApp(EndpointApp):
    """Answers requests to one endpoint of Prometheus' API. Parameters that it does not have are passed over."""

    async def __call__(self, request: Request) -> Response:
        """The answer, whatever happens: an unexpected error is logged and answered as 500."""
        try:
            return await self._answer(request)
        except QueryError as error:
            return _error(error.status, error.kind, str(error))
        except (TooManySamples, SameLabels) as error:
            return _error(422, "execution", str(error))
        except TimeoutError:
            return _error(503, "timeout", "query timed out in expression evaluation")
        except Problem as problem:
            return _error(problem.status, "bad_data", problem.detail)
        except StoreError as error:
            return self._store_error(error)
        except Exception:
            _log.exception("request failed")
            return _error(500, "internal", "the request failed; the log of the service has more")

    async def _answer(self, request: Request) -> Response:
        now = self._clock()
        parameters = await self._parameters(request, now)
        call = Call(Reader(self._store, tenant_in(request), now), request, self._settings)
        answer = await self._endpoint.handler(call, parameters)
        assert isinstance(answer, Response)  # noqa: S101
        return answer

    async def _parameters(self, request: Request, now: int) -> Parameters:
        """From the query string and, of a POST, the form. Raises BadExpression or Problem."""
        pairs = request.query_params.multi_items()
        if request.method == "POST" and request.headers.get("content-type", _FORM).startswith(_FORM):
            pairs += parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        values: dict[str, Any] = path_values(self._endpoint, request)
        for name, value in pairs:
            if name not in self._endpoint.query_parameters:
                continue
            if name.endswith("[]"):
                values.setdefault(name, []).append(value)
            else:
                values.setdefault(name, value)
        try:
            return self._endpoint.parameters.model_validate(values, context={"now": now})
        except ValidationError as error:
            raise BadExpression(validation_problem(error).detail) from None

    def _store_error(self, error: StoreError) -> Response:
        if _NO_EXPRESSION in str(error):
            return _error(400, "bad_data", "a regular expression cannot be read; its syntax is that of RE2")
        problem = store_problem(error, self._endpoint.remedy)
        self._failed(problem.kind)
        if isinstance(error, QueryTimeout):
            return _error(503, "timeout", problem.detail)
        if isinstance(error, QueryTooLarge):
            return _error(422, "execution", problem.detail)
        if problem.status == 503:
            return _error(503, "unavailable", problem.detail)
        _log.error("query failed", exc_info=error)
        return _error(500, "internal", problem.detail)


def _error(status: int, kind: Any, text: str) -> Response:
    body = PrometheusError(errorType=kind, error=text).model_dump()
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(orjson.dumps(body), status, headers, "application/json")

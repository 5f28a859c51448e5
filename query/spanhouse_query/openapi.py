"""The OpenAPI document, made from the declarations that parse the requests and shape the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from spanhouse_storage.tenant import DEFAULT_TENANT, TENANT_HEADER
from starlette.responses import Response

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import NoParameters
from spanhouse_query.problems import MEDIA_TYPE, ProblemDetails

_REF = "#/components/schemas/{model}"
_TENANT = {
    "name": TENANT_HEADER,
    "in": "header",
    "required": False,
    "description": "Whose data.",
    "schema": {"type": "string", "default": DEFAULT_TENANT},
}
_PROBLEMS = {
    400: "A parameter is unknown or cannot be used.",
    404: "There is no such thing.",
    406: "None of the accepted media types can be answered.",
    422: "The query needs more memory or rows than one query may.",
    503: "The store is unavailable.",
    504: "The query ran longer than a query may.",
}
_OF_QUERIES = (422, 503, 504)


def openapi_document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """OpenAPI 3.1 of the endpoints."""
    answers: list[type[BaseModel]] = [endpoint.answer for endpoint in endpoints if endpoint.answer]
    answers += dict.fromkeys(endpoint.error or ProblemDetails for endpoint in endpoints)
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "serialization") for model in answers]
    references, definitions = models_json_schema(models, ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Spanhouse",
            "version": "1",
            "description": "Instants are nanoseconds since 1970 as text, durations integers of nanoseconds.",
        },
        "paths": {
            endpoint.path.replace(":path", ""): _operations(
                endpoint, references[(endpoint.answer, "serialization")] if endpoint.answer else None
            )
            for endpoint in endpoints
        },
        "components": {"schemas": definitions["$defs"]},
    }


def openapi_endpoint(others: Sequence[Endpoint]) -> Endpoint:
    """The document of all endpoints, its own among them."""

    async def openapi(call: Call, parameters: NoParameters) -> Response:
        return Response(document, media_type="application/json")

    endpoint = Endpoint(
        path="/openapi.json",
        handler=openapi,
        summary="This document",
        parameters=NoParameters,
        media={"application/json": {"type": "object"}},
        observed=False,
    )
    document = orjson.dumps(openapi_document([*others, endpoint]))
    return endpoint


def _operations(endpoint: Endpoint, answer: Any) -> dict[str, Any]:
    """By method: what GET takes in the query string, POST takes in a form."""
    operation = _operation(endpoint, answer)
    if "POST" not in endpoint.methods:
        return {"get": operation}
    in_query = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
    form = {
        "type": "object",
        "properties": {parameter["name"]: parameter["schema"] for parameter in in_query},
        "required": [parameter["name"] for parameter in in_query if parameter["required"]],
    }
    post = {
        **operation,
        "operationId": f"{operation['operationId']}_post",
        "parameters": [parameter for parameter in operation["parameters"] if parameter["in"] != "query"],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": form}}},
    }
    return {"get": operation, "post": post}


def _operation(endpoint: Endpoint, answer: Any) -> dict[str, Any]:
    content: dict[str, Any] = {media_type: {"schema": schema} for media_type, schema in endpoint.media.items()}
    if answer is not None:
        content = {"application/json": {"schema": answer}, **content}
    statuses = {400, *(_OF_QUERIES if endpoint.observed else ()), *endpoint.problems}
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in endpoint.headers.items()}
    good = {"description": endpoint.summary, **({"headers": headers} if headers else {}), "content": content}
    return {
        "summary": endpoint.summary,
        "operationId": endpoint.handler.__name__,
        "parameters": [*_parameters(endpoint), _TENANT],
        "responses": {"200": good, **{str(status): _problem(status, endpoint.error) for status in sorted(statuses)}},
    }


def _problem(status: int, error: type[BaseModel] | None) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=(error or ProblemDetails).__name__)}
    media_type = "application/json" if error else MEDIA_TYPE
    return {"description": _PROBLEMS[status], "content": {media_type: {"schema": schema}}}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    schema = endpoint.parameters.model_json_schema()
    required = schema.get("required", [])
    return [
        _parameter(name, "path" if name in endpoint.path_parameters else "query", name in required, property_schema)
        for name, property_schema in schema.get("properties", {}).items()
    ]


def _parameter(name: str, place: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out is not null when it is given."""
    options = [option for option in schema.pop("anyOf", []) if option != {"type": "null"}]
    schema = {**(options[0] if options else {}), **schema}
    if schema.get("default", "") is None:
        del schema["default"]
    description = schema.pop("description", None)
    schema.pop("title", None)
    described = {"description": description} if description else {}
    return {"name": name, "in": place, "required": required or place == "path", **described, "schema": schema}

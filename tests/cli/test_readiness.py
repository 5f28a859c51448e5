"""`/readyz` of a process that stops."""

from __future__ import annotations

from spanhouse_cli.readiness import Readiness
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient


async def ok(_: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


def test_it_says_503_once_turned_off_while_everything_else_goes_on() -> None:
    readiness = Readiness(Starlette(routes=[Route("/readyz", ok), Route("/healthz", ok)]))
    client = TestClient(readiness)
    assert client.get("/readyz").status_code == 200
    readiness.turn_off()
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (503, "stopping\n")
    assert client.get("/healthz").status_code == 200

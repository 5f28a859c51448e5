"""Paths for those who have shown a certificate, and for all."""

from __future__ import annotations

from collections.abc import Collection

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_cli.http_server import CLIENT_CERTIFICATE

_PROBLEM = {
    "type": "client-certificate",
    "title": "Client certificate required",
    "status": 403,
    "detail": "this server asks for a certificate from an authority in tls_client_ca",
}


class DemandClientCertificate:
    """Passes on to `app` who has shown a certificate, and everybody to the `open_paths`: probes have none to show."""

    def __init__(self, app: ASGIApp, open_paths: Collection[str]) -> None:
        self._app = app
        self._open = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        shown = scope["state"].get(CLIENT_CERTIFICATE) or scope["path"] in self._open
        refusal = JSONResponse(_PROBLEM, 403, media_type="application/problem+json")
        await (self._app if shown else refusal)(scope, receive, send)

"""`/readyz` while the process stops."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Readiness:
    """Passes everything on to `app`; once turned off it answers `/readyz` with 503, so that no more traffic comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._off = False

    def turn_off(self) -> None:
        """The process is about to stop."""
        self._off = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        answers_itself = self._off and scope["type"] == "http" and scope["path"] == "/readyz"
        await (PlainTextResponse("stopping\n", 503) if answers_itself else self._app)(scope, receive, send)

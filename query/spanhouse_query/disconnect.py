"""Stop working on an answer that nobody waits for.

A server does not cancel a handler when its client goes away. Here the handler races the client: the loser ends, and
with a cancelled handler ends its query in the engine (see spanhouse_storage.pool).
"""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = 1 << 20


class DisconnectMiddleware:
    """Cancels the application when the client disconnects. A body is read before: at most `BODY` bytes, the rest is
    dropped, because what takes one here are forms of queries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application until it has answered or the client is gone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            return
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await self._app(scope, _ReadBody(body), send)
            tasks.cancel_scope.cancel()


async def _body(receive: Receive) -> bytes | None:
    """What the client sent; None where it went away before it had sent all."""
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")[: BODY - len(body)]
        if not message.get("more_body", False):
            return bytes(body)
    return None


class _ReadBody:
    """A request that was read, and whose client stays; who waits for it to leave waits until it is cancelled."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._read = False

    async def __call__(self) -> Message:
        if self._read:
            await anyio.sleep_forever()
        self._read = True
        return {"type": "http.request", "body": self._body, "more_body": False}

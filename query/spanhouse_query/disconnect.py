"""Stop working on an answer that nobody waits for.

A server does not cancel a handler when its client goes away. Here the handler races the client: the loser ends, and
with a cancelled handler ends its query in the engine (see spanhouse_storage.pool).
"""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class DisconnectMiddleware:
    """Cancels the application when the client disconnects. For requests without a body: it is read and dropped."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application until it has answered or the client is gone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            await self._app(scope, _EmptyBody(), send)
            tasks.cancel_scope.cancel()


class _EmptyBody:
    """A request without a body whose client stays; who waits for it to leave waits until it is cancelled."""

    def __init__(self) -> None:
        self._read = False

    async def __call__(self) -> Message:
        if self._read:
            await anyio.sleep_forever()
        self._read = True
        return {"type": "http.request", "body": b"", "more_body": False}

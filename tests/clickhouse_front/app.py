"""The HTTP side: requests in, answers, errors and headers out as a ClickHouse server gives them."""

import json
import random
import string
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.clickhouse_front import compression
from tests.clickhouse_front.call import Call, read_call
from tests.clickhouse_front.engine import Engine
from tests.clickhouse_front.errors import AUTHENTICATION_FAILED, QueryError
from tests.clickhouse_front.execution import Execution

# A server holds back so much of a result, so that an early error still gets a status of its own.
RESPONSE_BUFFER = 1 << 20

T = TypeVar("T")


class BrokenAnswer(Exception):
    """The query failed after its answer had begun: raised so that the connection is cut, as a server does."""


def create_app(engine: Engine, credentials: tuple[str, str] | None = None) -> Starlette:
    """Build the front; with `credentials` (user, password) every query must bring them."""
    # debug: a fault of the front's own shows its traceback in the driver's error
    return Starlette(debug=True, routes=[Route("/ping", _ping), Route("/", Queries(engine, credentials))])


async def _ping(_: Request) -> PlainTextResponse:
    return PlainTextResponse("Ok.\n")


class Queries:
    """The endpoint that runs queries."""

    def __init__(self, engine: Engine, credentials: tuple[str, str] | None) -> None:
        self._engine = engine
        self._credentials = credentials
        self._threads = CapacityLimiter(100)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            call = await read_call(Request(scope, receive))
        except ClientDisconnect:
            return
        except QueryError as error:
            await self._error(error, {})(scope, receive, send)
            return
        with call.body:
            await self._answer(call, scope, receive, send)

    async def _answer(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"X-ClickHouse-Query-Id": call.query_id, "X-ClickHouse-Timezone": self._engine.timezone}
        try:
            self._authenticate(call)
            with self._engine.session(call.session_id):
                whole = await Answer(self._engine, call, headers, self._threads).run(receive, send)
        except QueryError as error:
            await self._error(error, headers)(scope, receive, send)
            return
        if not whole:
            raise BrokenAnswer(call.query_id)

    def _authenticate(self, call: Call) -> None:
        if self._credentials not in (None, call.credentials):
            reason = "Authentication failed: password is incorrect, or there is no user with such name."
            raise QueryError.named(AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", f"{call.credentials[0]}: {reason}")

    def _error(self, error: QueryError, headers: dict[str, str]) -> PlainTextResponse:
        headers = headers | {"X-ClickHouse-Exception-Code": str(error.code)}
        return PlainTextResponse(f"{error} {self._engine.version}\n", error.status, headers)


class Answer:
    """One query and the answer it gets."""

    def __init__(self, engine: Engine, call: Call, headers: dict[str, str], threads: CapacityLimiter) -> None:
        self._engine = engine
        self._call = call
        self._threads = threads
        self._execution = Execution(engine, call)
        self._blocks = self._execution.blocks()
        self._encoding = compression.negotiate(call.accept_encoding)
        self._encoder = compression.encoder(self._encoding)
        self._tag = "".join(random.choices(string.ascii_lowercase, k=16))
        self._headers = headers
        self._client_gone = False

    async def run(self, receive: Receive, send: Send) -> bool:
        """Answer; raises QueryError while nothing is sent yet, returns False for an answer that broke off."""
        failed: QueryError | None = None
        whole = False
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, receive)
            try:
                whole = await self._reply(send)
            except QueryError as error:
                failed = error
            finally:
                with anyio.CancelScope(shield=True):
                    await self._in_thread(self._blocks.close)
                tasks.cancel_scope.cancel()
        if failed is not None:
            raise failed
        return whole

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await to_thread.run_sync(function, limiter=self._threads)

    async def _watch(self, receive: Receive) -> None:
        """Wait for the client to go away; then kill its query, if it asked for that and the query only reads."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._client_gone = True
        while self._call.cancel_on_close:
            if self._execution.read_only:
                await self._in_thread(lambda: self._engine.kill_query(self._call.query_id))
            await anyio.sleep(0.02)

    async def _reply(self, send: Send) -> bool:
        head, complete = await self._in_thread(self._read_head)
        body = self._encoder.compress(head)
        if complete:
            body += self._encoder.flush()
        await self._start(send, len(body) if complete else None)
        while not complete and not self._client_gone:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            try:
                block = await self._in_thread(self._next_block)
            except QueryError as error:
                body = self._encoder.compress(self._exception_block(error)) + self._encoder.flush()
                await send({"type": "http.response.body", "body": body, "more_body": True})
                return False
            complete = block is None
            body = self._encoder.flush() if block is None else self._encoder.compress(block)
        await send({"type": "http.response.body", "body": body})
        return True

    async def _start(self, send: Send, length: int | None) -> None:
        headers = self._headers | {"X-ClickHouse-Summary": json.dumps(self._execution.summary.as_strings())}
        headers["X-ClickHouse-Exception-Tag"] = self._tag
        if self._execution.format is not None:
            headers["X-ClickHouse-Format"] = self._execution.format
        if self._encoding is not None:
            headers["Content-Encoding"] = self._encoding
        if length is not None:
            headers["Content-Length"] = str(length)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})

    def _exception_block(self, error: QueryError) -> bytes:
        text = f"{error} {self._engine.version}".encode()
        mark = f"\r\n__exception__\r\n{self._tag}\r\n".encode()
        return mark + text + f"\n{len(text)} {self._tag}\r\n__exception__\r\n".encode()

    def _read_head(self) -> tuple[bytes, bool]:
        """Read all of the result if it is short or the client waits for its end; the flag says whether that is all."""
        head = bytearray()
        while self._call.wait_end_of_query or len(head) < RESPONSE_BUFFER:
            block = self._next_block()
            if block is None:
                return bytes(head), True
            head += block
        return bytes(head), False

    def _next_block(self) -> bytes | None:
        return next(self._blocks, None)

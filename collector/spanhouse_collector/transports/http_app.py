"""OTLP/HTTP: `POST /v1/traces` and `/v1/metrics`, protobuf or JSON, plain, gzip or zstd."""

from __future__ import annotations

import math
from http import HTTPStatus

import grpc
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from spanhouse_collector.admission.access import AUTHORIZATION
from spanhouse_collector.admission.budget import Share
from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.errors import ANSWERS, Overloaded, Refused, Unauthenticated, UnsupportedMedia
from spanhouse_collector.receiver import Receiver, Request
from spanhouse_collector.signals import SIGNALS, Checked, OtlpSignal
from spanhouse_collector.tenant import HEADER
from spanhouse_collector.transports.decompression import decompress, too_large
from spanhouse_collector.transports.otlp_json import request_from_json
from spanhouse_collector.transports.responses import (
    status_response,
    status_response_json,
    success_response,
    success_response_json,
)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
TRANSPORT = "http"

# Larger bodies are decompressed in a thread; gzip makes a thousand times as much of them, zstd more.
_INLINE_BYTES = 1 << 16
_CORS_SECONDS = 7200
_PATHS = " and ".join(signal.path for signal in SIGNALS.values())


class OtlpHttp:
    """The endpoint of a signal. Answers have the content type of the request (OTLP/HTTP, "Response")."""

    def __init__(self, signal: OtlpSignal, receiver: Receiver, config: CollectorConfig) -> None:
        self._signal = signal
        self._receiver = receiver
        self._max_body = config.max_body
        self._max_items = config.max_items

    async def export(self, http: HttpRequest) -> Response:
        """Take one request."""
        media = http.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            with self._receiver.budget.share() as share:
                checked = await self._receiver.accept(await self._request(http, media, share))
            return _success(self._signal, checked, media)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # to nobody
        except Refused as error:
            refusal = error
        except Exception as error:  # as a 500, exporters would not send the data again
            refusal = self._receiver.failed(error)
        self._receiver.refused(self._signal, TRANSPORT, refusal)
        return _refusal(refusal, media)

    async def _request(self, http: HttpRequest, media: str, share: Share) -> Request:
        tenant = self._receiver.access.tenant_of(http.headers.get(AUTHORIZATION), http.headers.get(HEADER))
        self._receiver.admit(tenant)
        if media not in (PROTOBUF, JSON):
            raise UnsupportedMedia(f"content type {media!r:.60} is not supported; allowed: {PROTOBUF}, {JSON}")
        try:
            return Request(self._signal, tenant, TRANSPORT, await self._protobuf(http, media, share))
        except Overloaded:
            raise
        except Refused:
            self._receiver.charge(tenant, share.held)
            raise

    async def _protobuf(self, http: HttpRequest, media: str, share: Share) -> bytes:
        """The body, decompressed and, where it is JSON, written anew."""
        encoding = http.headers.get("content-encoding", "").strip().lower()
        sent = await self._body(http, share)
        body = await self._decompressed(sent, encoding)
        if body is not sent:
            share.take(len(body))
        if media != JSON:
            return body
        return await to_thread.run_sync(request_from_json, self._signal, body, self._max_items)

    async def _decompressed(self, body: bytes, encoding: str) -> bytes:
        if len(body) < _INLINE_BYTES:
            return decompress(body, encoding, self._max_body)
        return await to_thread.run_sync(decompress, body, encoding, self._max_body)

    async def _body(self, http: HttpRequest, share: Share) -> bytes:
        """The body as sent; reading ends as soon as it is over the limit, or there is no room for it."""
        declared = http.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_body:
            raise too_large(self._max_body)
        async with self._receiver.reading():
            return await self._chunks(http, share)

    async def _chunks(self, http: HttpRequest, share: Share) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in http.stream():
            size += len(chunk)
            if size > self._max_body:
                raise too_large(self._max_body)
            share.take(len(chunk))
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def otlp_http_app(receiver: Receiver, config: CollectorConfig) -> Starlette:
    """The ASGI application for port 4318."""
    return Starlette(
        routes=[
            Route(signal.path, OtlpHttp(signal, receiver, config).export, methods=["POST"])
            for signal in SIGNALS.values()
        ],
        middleware=[_cors(config.cors_origins)] if config.cors_origins else [],
        exception_handlers={HTTPException: _not_here},
    )


def _cors(origins: tuple[str, ...]) -> Middleware:
    """Lets pages of these origins send, with the headers that their SDK has; browsers ask again after two hours."""
    return Middleware(
        CORSMiddleware, allow_origins=origins, allow_methods=["POST"], allow_headers=["*"], max_age=_CORS_SECONDS
    )


async def _not_here(http: HttpRequest, error: Exception) -> Response:
    """A path or method that OTLP/HTTP has here not."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    message = f"{http.method} {http.url.path}: {error.detail}; this server takes POST {_PATHS}"
    body = status_response_json(grpc.StatusCode.UNIMPLEMENTED.value[0], message)
    return Response(body, error.status_code, headers=error.headers, media_type=JSON)


def _success(signal: OtlpSignal, checked: Checked, media: str) -> Response:
    if media == JSON:
        return Response(success_response_json(signal, checked), media_type=JSON)
    return Response(success_response(signal, checked), media_type=PROTOBUF)


def _refusal(refusal: Refused, media: str) -> Response:
    answer = ANSWERS[type(refusal)]
    headers = {}
    if isinstance(refusal, Overloaded):
        headers["Retry-After"] = str(math.ceil(refusal.retry_after))
    if isinstance(refusal, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    encode = status_response if media == PROTOBUF else status_response_json
    body = encode(answer.grpc.value[0], str(refusal))
    return Response(body, answer.http, headers=headers, media_type=PROTOBUF if media == PROTOBUF else JSON)

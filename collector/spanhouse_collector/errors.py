"""Why a request was not accepted, and what that is called on each protocol.

A permanent error is the sender's: the same bytes will fail again. A retryable one is ours: the sender keeps the data
and tries again after the time it is told. OTLP specification 1.x, "OTLP/gRPC Response" and "OTLP/HTTP Response".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

import grpc


class Refused(Exception):
    """Base of every answer but success; the message is meant for the sender's developer."""


class Malformed(Refused):
    """The body is not what its headers say it is."""


class TooLarge(Refused):
    """The body is larger than the limit, before or after decompression."""


class UnsupportedMedia(Refused):
    """The content type or encoding is not one that OTLP has."""


class Unauthenticated(Refused):
    """The sender has not shown an API key that is known."""


class Forbidden(Refused):
    """The sender's API key is not for what it sends."""


class Cause(StrEnum):
    """Why not now: what such refusals are counted under."""

    REQUESTS = "requests"  # max_requests are under way
    MEMORY = "memory"  # too much of them is in memory
    LOG_QUOTA = "log_quota"
    DISK_RESERVE = "disk_reserve"
    WRITE = "write"  # the disk does not take it
    RATE = "rate"  # tenant_rates
    SLOW_BODY = "slow_body"
    STARTING = "starting"
    STOPPING = "stopping"
    FAILURE = "failure"  # an error that nobody has foreseen


class Overloaded(Refused):
    """Not now: the sender keeps the data and tries again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float, cause: Cause) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.cause = cause


class RateLimited(Overloaded):
    """Not now, because this tenant sends faster than it may; others are let in."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One kind of refusal in the words of both protocols; `reason` is its label in the metrics."""

    http: HTTPStatus
    grpc: grpc.StatusCode
    reason: str


ANSWERS: dict[type[Refused], Answer] = {
    Malformed: Answer(HTTPStatus.BAD_REQUEST, grpc.StatusCode.INVALID_ARGUMENT, "malformed"),
    TooLarge: Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, grpc.StatusCode.RESOURCE_EXHAUSTED, "too_large"),
    UnsupportedMedia: Answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, grpc.StatusCode.UNIMPLEMENTED, "unsupported_media"),
    Unauthenticated: Answer(HTTPStatus.UNAUTHORIZED, grpc.StatusCode.UNAUTHENTICATED, "unauthenticated"),
    Forbidden: Answer(HTTPStatus.FORBIDDEN, grpc.StatusCode.PERMISSION_DENIED, "forbidden"),
    Overloaded: Answer(HTTPStatus.SERVICE_UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, "overloaded"),
    # Exporters send again what RESOURCE_EXHAUSTED comes back for, because RetryInfo comes with it.
    RateLimited: Answer(HTTPStatus.SERVICE_UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, "rate_limited"),
}

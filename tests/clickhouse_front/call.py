"""One HTTP request, read into the query it asks for."""

import base64
import binascii
import email.policy
import re
import tempfile
import uuid
from dataclasses import dataclass
from email.parser import BytesParser
from typing import IO

from starlette.requests import Request

from tests.clickhouse_front.compression import SPOOL_BYTES
from tests.clickhouse_front.errors import NOT_IMPLEMENTED, QueryError

# Parameters that steer the HTTP interface itself; every other one is a setting of the query.
_RESERVED = frozenset(
    {"query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check", "user"}
    | {"password", "quota_key", "compress", "decompress", "buffer_size", "wait_end_of_query", "role", "stacktrace"}
    | {"client_protocol_version"}
)


@dataclass(frozen=True)
class Call:
    """A query as a client asked for it; `body` is still encoded as `content_encoding` says."""

    query: str
    body: IO[bytes]
    content_encoding: str
    accept_encoding: str
    parameters: dict[str, str]
    settings: dict[str, str]
    database: str
    query_id: str
    session_id: str
    default_format: str
    wait_end_of_query: bool
    block_info: bool
    credentials: tuple[str, str]

    @property
    def cancel_on_close(self) -> bool:
        """Whether the client asked that a read-only query stop when it goes away."""
        return _flag(self.settings.get("cancel_http_readonly_queries_on_client_close"))


def _flag(value: str | None) -> bool:
    return value is not None and value.lower() not in ("", "0", "false")


async def read_call(request: Request) -> Call:
    """Read parameters, headers and the whole body; raises QueryError for what the front cannot do."""
    params = dict(request.query_params)
    body = await _spooled(request)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        params.update(_form_fields(request.headers["content-type"], body))
        body = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the call owns it
    if _flag(params.get("compress")) or _flag(params.get("decompress")):
        raise QueryError.named(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "Native compression is not supported here")
    settings = {
        name: value for name, value in params.items() if name not in _RESERVED and not name.startswith("param_")
    }
    if request.method == "GET":
        settings.setdefault("readonly", "2")
    return Call(
        query=params.get("query", ""),
        body=body,
        content_encoding=request.headers.get("content-encoding", ""),
        accept_encoding=request.headers.get("accept-encoding", "")
        if _flag(params.get("enable_http_compression"))
        else "",
        parameters={name.removeprefix("param_"): value for name, value in params.items() if name.startswith("param_")},
        settings=settings,
        database=params.get("database") or request.headers.get("x-clickhouse-database", ""),
        query_id=params.get("query_id") or str(uuid.uuid4()),
        session_id=params.get("session_id", ""),
        default_format=params.get("default_format") or request.headers.get("x-clickhouse-format", "TabSeparated"),
        wait_end_of_query=_flag(params.get("wait_end_of_query")),
        block_info=int(params.get("client_protocol_version") or 0) > 0,
        credentials=_credentials(request, params),
    )


async def _spooled(request: Request) -> IO[bytes]:
    body = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - the call owns it
    async for chunk in request.stream():
        body.write(chunk)
    return body


def _form_fields(content_type: str, body: IO[bytes]) -> dict[str, str]:
    body.seek(0)
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    fields = {}
    for part in BytesParser(policy=email.policy.HTTP).parsebytes(head + body.read()).iter_parts():
        name = str(part.get_param("name", "", header="content-disposition"))
        if not re.fullmatch(r"query|param_\w+", name):
            raise QueryError.named(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", f"External data is not supported here: {name}")
        payload = part.get_payload(decode=True)
        fields[name] = payload.decode() if isinstance(payload, bytes) else str(payload)
    return fields


def _credentials(request: Request, params: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, password
    header = request.headers.get
    return (
        header("x-clickhouse-user") or params.get("user", "default"),
        header("x-clickhouse-key") or params.get("password", ""),
    )

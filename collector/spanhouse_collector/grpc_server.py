"""OTLP/gRPC: the TraceService, on raw bytes."""

from __future__ import annotations

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from spanhouse_collector.errors import ANSWERS, Overloaded, Refused
from spanhouse_collector.receiver import Request, TraceReceiver
from spanhouse_collector.responses import traces_response
from spanhouse_collector.tenant import HEADER, tenant_of

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
TRANSPORT = "grpc"
STREAMS_PER_CONNECTION = 32

Context = aio.ServicerContext[bytes, bytes]


class TraceService:
    """`TraceService/Export`: requests and answers are the serialised messages themselves."""

    def __init__(self, receiver: TraceReceiver) -> None:
        self._receiver = receiver

    async def export(self, body: bytes, context: Context) -> bytes:
        """Answer one request; a refusal becomes a status with RetryInfo where retrying helps."""
        try:
            return await self._answer(body, context)
        except Refused as error:
            refusal = error
        except Exception as error:  # as UNKNOWN, exporters would not send the data again
            refusal = self._receiver.failed(error)
        self._receiver.refused(TRANSPORT, refusal)
        await _abort(context, refusal)
        raise refusal

    async def _answer(self, body: bytes, context: Context) -> bytes:
        with self._receiver.budget.share() as share:
            share.take(len(body))
            tenant = tenant_of(_metadata(context, HEADER))
            return traces_response(await self._receiver.accept(Request(tenant, TRANSPORT, body)))

    def handler(self) -> grpc.GenericRpcHandler:
        """The service for a server; without serialisers, so that bytes stay bytes."""
        export: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self.export)
        return grpc.method_handlers_generic_handler(SERVICE, {"Export": export})


class GrpcServer:
    """The server on one address. `address` has the real port once it has started."""

    def __init__(self, address: str, receiver: TraceReceiver, max_body: int) -> None:
        self.address = address
        self._server = aio.server(
            options=(
                ("grpc.max_receive_message_length", max_body),
                # What has been read of a call before it comes to us counts nowhere else.
                ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION),
                ("grpc.so_reuseport", 0),
            )
        )
        self._server.add_generic_rpc_handlers((TraceService(receiver).handler(),))

    async def start(self) -> None:
        """Bind and serve. Raises OSError where the address cannot be had."""
        try:
            port = self._server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self.address} for OTLP/gRPC: {error}") from error
        self.address = f"{self.address.rpartition(':')[0]}:{port}"
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """Refuse new calls, and give running ones `grace` seconds."""
        await self._server.stop(grace)


def _metadata(context: Context, name: str) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return value if isinstance(value, str) else value.decode(errors="replace")
    return None


async def _abort(context: Context, refusal: Refused) -> None:
    code = ANSWERS[type(refusal)].grpc
    if isinstance(refusal, Overloaded):
        status = Status(code=code.value[0], message=str(refusal), details=[_retry_info(refusal)])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(code, str(refusal))


def _retry_info(refusal: Overloaded) -> Any:
    seconds, fraction = divmod(refusal.retry_after, 1)
    details = Any()
    details.Pack(RetryInfo(retry_delay=Duration(seconds=int(seconds), nanos=int(fraction * 1e9))))
    return details

"""OTLP/gRPC: the services of the signals, on raw bytes."""

from __future__ import annotations

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from spanhouse_collector.admission.access import AUTHORIZATION
from spanhouse_collector.errors import ANSWERS, Malformed, Overloaded, Refused
from spanhouse_collector.receiver import Receiver, Request
from spanhouse_collector.signals import OtlpSignal
from spanhouse_collector.tenant import HEADER
from spanhouse_collector.transports.responses import success_response

TRANSPORT = "grpc"

Context = aio.ServicerContext[bytes, bytes]


class ExportService:
    """`TraceService/Export` and its like: requests and answers are the serialised messages themselves."""

    def __init__(self, signal: OtlpSignal, receiver: Receiver) -> None:
        self._signal = signal
        self._receiver = receiver

    async def export(self, _: object, context: Context) -> bytes:
        """Answer one request; a refusal becomes a status with RetryInfo where retrying helps."""
        try:
            return await self._answer(context)
        except Refused as error:
            refusal = error
        except Exception as error:  # as UNKNOWN, exporters would not send the data again
            refusal = self._receiver.failed(error)
        self._receiver.refused(self._signal, TRANSPORT, refusal)
        await _abort(context, refusal)
        raise refusal

    async def _answer(self, context: Context) -> bytes:
        with self._receiver.budget.share() as share:
            tenant = self._receiver.access.tenant_of(_metadata(context, AUTHORIZATION), _metadata(context, HEADER))
            self._receiver.admit(tenant)
            async with self._receiver.reading():
                body = await context.read()
            if not isinstance(body, bytes):
                raise Malformed("the call has no message")
            share.take(len(body))
            checked = await self._receiver.accept(Request(self._signal, tenant, TRANSPORT, body))
            return success_response(self._signal, checked)

    def handler(self) -> grpc.GenericRpcHandler:
        """The service for a server; without serialisers, so that bytes stay bytes.

        It is declared to take a stream, of which one message looks the same on the wire: so the call comes here with
        its metadata, and nothing of its body is read before it is let in.
        """
        export: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(self.export)
        return grpc.method_handlers_generic_handler(self._signal.service, {"Export": export})


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

"""Charges cards over gRPC: the error path of the shop. What happens depends on the card alone."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.struct_pb2 import Struct

from spanhouse_demo import lifeline
from spanhouse_demo.rundir import this_run

SERVICE = "shop.Payment"
CHARGE_METHOD = f"/{SERVICE}/Charge"
GOOD_CARD = "4242 4242 4242 4242"
DECLINED_CARD = "4000 0000 0000 0002"
CARD_OF_LOST_BANK = "4000 0000 0000 0119"
BANK_SECONDS = (0.01, 0.04)
LOST_BANK_SECONDS = 0.25


def charge(request: Struct, context: grpc.ServicerContext) -> Struct:
    """FAILED_PRECONDITION for a card that the bank declines, UNAVAILABLE when the bank does not answer in time."""
    if request["card"] == CARD_OF_LOST_BANK:
        time.sleep(LOST_BANK_SECONDS)
        context.abort(grpc.StatusCode.UNAVAILABLE, "the bank does not answer")
    time.sleep(random.uniform(*BANK_SECONDS))
    if request["card"] == DECLINED_CARD:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the bank declines this card")
    receipt = Struct()
    receipt.update({"charged_cents": request["amount_cents"]})
    return receipt


def main() -> None:
    """Serve until SIGTERM."""
    lifeline.hold()
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    method = grpc.unary_unary_rpc_method_handler(
        charge, request_deserializer=Struct.FromString, response_serializer=Struct.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Charge": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    this_run().announce("payment", f"127.0.0.1:{port}")
    try:
        server.wait_for_termination()
    finally:
        server.stop(grace=1).wait()


if __name__ == "__main__":
    main()

"""OTLP/JSON to the protobuf bytes that the log holds.

OTLP/JSON is protobuf's JSON mapping but for ids, which are hexadecimal in either case, and enums, which are numbers
(OTLP specification 1.x, "JSON Protobuf Encoding"). Unknown fields are ignored.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message

from spanhouse_collector.errors import Malformed, TooLarge
from spanhouse_collector.signals import OtlpSignal
from spanhouse_collector.signals.signal import JsonObject, json_list

_ID_FIELDS = ("traceId", "spanId", "parentSpanId")


def request_from_json(signal: OtlpSignal, body: bytes, max_items: int) -> bytes:
    """The protobuf form of a signal's request in OTLP/JSON.

    Raises Malformed, saying where it is wrong, or TooLarge for more than `max_items` items.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        (expected,) = signal.request.DESCRIPTOR.fields_by_camelcase_name
        raise Malformed(f'the body is not a JSON object; expected {{"{expected}": [...]}}')
    try:
        for number, (path, item) in enumerate(signal.json_items(document)):
            if number >= max_items:
                raise TooLarge(
                    f"the request has more than {max_items} {signal.items}; send smaller batches or raise max_items"
                )
            _decode_ids(path, item)
            for index, part in enumerate(json_list(item, signal.ids_in)):
                _decode_ids(f"{path}.{signal.ids_in}[{index}]", part)
        return ParseDict(document, signal.request(), ignore_unknown_fields=True).SerializeToString()
    except (ParseError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise Malformed(f"the body is not an OTLP/JSON request of {signal.name}: {error}") from error


def request_to_json(signal: OtlpSignal, request: Message) -> dict[str, Any]:
    """The OTLP/JSON form of a request."""
    document = MessageToDict(request, use_integers_for_enums=True)
    for _, item in signal.json_items(document):
        for holder in (item, *json_list(item, signal.ids_in)):
            for field in _ID_FIELDS:
                if field in holder:
                    holder[field] = base64.b64decode(holder[field]).hex()
    return document


def _decode_ids(path: str, holder: JsonObject) -> None:
    """Put protobuf's base64 in the place of hexadecimal ids."""
    for field in _ID_FIELDS:
        value = holder.get(field)
        if value:
            try:
                holder[field] = base64.b64encode(bytes.fromhex(value)).decode()
            except (ValueError, TypeError, binascii.Error) as error:
                raise ValueError(f"{path}.{field} must be hexadecimal, not {value!r:.60}") from error

"""One kind of telemetry, as far as the way in has to know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from spanhouse_storage.engine import Signal

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a request holds. items: spans or points, all of them. rejected: those that cannot be stored, and why."""

    items: int
    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class OtlpSignal:
    """Traces or metrics.

    name: its part of paths, of folders and of the metrics' label. items: what it is counted in. stored_as: how storage
    names it. request, response: OTLP's messages; rejected: the field of a partial success that counts rejected items.
    service: gRPC's. outline: the tags of the fields that lead from a request to its items, one set for each step.
    check: which items of a parsed request that came at an instant (unix nanoseconds) can be stored. json_items: the
    items of a request in JSON, each with its path; ids_in: the list of an item whose members have ids, as it may
    itself. is_idempotent: an item that is stored twice counts once.
    """

    name: str
    items: str
    stored_as: Signal
    request: type[Message]
    response: type[Message]
    rejected: str
    service: str
    outline: tuple[frozenset[int], ...]
    check: Callable[[Any, int], Checked] = field(repr=False)
    json_items: Callable[[JsonObject], Iterator[tuple[str, JsonObject]]] = field(repr=False)
    ids_in: str
    is_idempotent: bool

    @property
    def path(self) -> str:
        """Where OTLP/HTTP has it."""
        return f"/v1/{self.name}"


def json_list(parent: JsonObject, name: str) -> list[JsonObject]:
    """A field of an OTLP/JSON message that is a list of messages; empty where it is absent. Raises TypeError."""
    value = parent.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError(f"{name} must be an array of objects")
    return value

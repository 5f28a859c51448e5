"""What can go wrong in the store, in the terms of those who call it.

The engine's numeric codes (https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp) are read
here and nowhere else.
"""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import ClickHouseError


class StoreError(Exception):
    """Base of all errors of the store; the message is fit to be shown to an operator."""


class StoreUnavailable(StoreError):
    """The engine cannot do it now (down, out of memory or disk, busy): the same call may succeed later."""


class DataRefused(StoreError):
    """The engine will never take these bytes: trying them again is useless."""


class QueryTimeout(StoreError):
    """The query ran longer than its limit."""


class QueryTooLarge(StoreError):
    """The query needed more memory, or had to read more rows, than its limit."""


class QueryCancelled(StoreError):
    """The query was stopped because nobody waits for its answer any more."""


class SchemaError(StoreError):
    """The database's schema is not one that this version of Spanhouse can work with."""


class DataDirectoryBusy(StoreError):
    """Another process has the data folder open."""


_TIMEOUT = {159, 160}
_TOO_LARGE = {158, 241, 307, 396}
_CANCELLED = {394}
# Load, network, disk and cluster: too many queries, no connection, no space, too many parts, replicas, Keeper.
_UNAVAILABLE = {202, 203, 209, 210, 225, 242, 243, 252, 279, 285, 319, 364, 425, 439, 473, 999}
_MEMORY = 241
_UNKNOWN_DATABASE = 81
# What the readers of protobuf and text say of bytes that they cannot turn into rows. Codes that a wrong schema or
# server version brings about as well (53, 70, 117, 349, 434, 435, 437) are not here: with them every request would be
# refused for ever.
_DATA = {6, 26, 27, 32, 33, 38, 69, 72, 128, 131, 407, 436, 444}
_BAD_ARGUMENTS, _BAD_PROTOBUF = 36, "Invalid protobuf data"
# How the engine begins the refusal of memory that it has not got itself; others begin with the query or the user.
_ENGINE_MEMORY = "(total)"
# What OpenSSL says of a certificate that none of the authorities has signed, or that has expired.
_DISTRUST = "CERTIFICATE_VERIFY_FAILED"


def code_of(error: BaseException) -> int | None:
    """The engine's code in a driver error, None where the engine was not reached."""
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def query_error(error: ClickHouseError) -> StoreError:
    """The store's error for a query that failed with `error`."""
    code = code_of(error)
    message = str(error)
    if _is_unavailable(error):
        return _unavailable(error)
    if code in _TIMEOUT:
        return QueryTimeout(message)
    if code in _TOO_LARGE:
        return QueryTooLarge(message)
    return QueryCancelled(message) if code in _CANCELLED else StoreError(message)


def insert_error(error: ClickHouseError) -> StoreError:
    """The store's error for an insert that failed with `error`: `DataRefused` only where retrying cannot help."""
    code = code_of(error)
    refused = code in _DATA or (code == _BAD_ARGUMENTS and _BAD_PROTOBUF in str(error))
    return DataRefused(str(error)) if refused else _unavailable(error)


def open_error(error: ClickHouseError, place: str) -> StoreError:
    """The store's error where a client for `place` could not be opened: unavailable only where waiting may help."""
    waiting_helps = _is_unavailable(error) and _DISTRUST not in str(error)
    kind = StoreUnavailable if waiting_helps else StoreError
    return kind(f"cannot open the store at {place}: {_reason(error)}")


def _reason(error: ClickHouseError) -> str:
    """What the system said where the server was not reached: the driver's own words are mostly the address it asked."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.strerror:
            return at.strerror
        at = at.__cause__ or at.__context__
    return str(error)


def _unavailable(error: ClickHouseError) -> StoreUnavailable:
    reason = _reason(error)
    return StoreUnavailable(reason if reason == str(error) else f"the store cannot be reached: {reason}")


def is_unknown_database(error: ClickHouseError) -> bool:
    """Whether there is no such database."""
    return code_of(error) == _UNKNOWN_DATABASE


def _is_unavailable(error: ClickHouseError) -> bool:
    code = code_of(error)
    return code is None or code in _UNAVAILABLE or (code == _MEMORY and _ENGINE_MEMORY in str(error))

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


_TIMEOUT = {159, 160, 209}
_TOO_LARGE = {158, 241, 307, 396}
_CANCELLED = {394}
# What the Protobuf reader and the casts behind it say of bytes they cannot turn into rows.
_DATA = {6, 26, 27, 32, 33, 38, 53, 69, 70, 72, 117, 128, 131, 349, 407, 434, 435, 436, 437, 444}


def code_of(error: BaseException) -> int | None:
    """The engine's code in a driver error, None where the engine was not reached."""
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def query_error(error: ClickHouseError) -> StoreError:
    """The store's error for a query that failed with `error`."""
    code = code_of(error)
    message = str(error)
    if code in _TIMEOUT:
        return QueryTimeout(message)
    if code in _TOO_LARGE:
        return QueryTooLarge(message)
    if code in _CANCELLED:
        return QueryCancelled(message)
    return StoreUnavailable(message) if code is None else StoreError(message)


def insert_error(error: ClickHouseError) -> StoreError:
    """The store's error for an insert that failed with `error`: `DataRefused` only where retrying cannot help."""
    return DataRefused(str(error)) if code_of(error) in _DATA else StoreUnavailable(str(error))

"""HTTP compression both ways: `Content-Encoding` of request bodies, `Accept-Encoding` of answers."""

import gzip
import io
import shutil
import tempfile
import zlib
from typing import IO, Protocol, cast

import lz4.frame
from backports import zstd

from tests.clickhouse_front.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, QueryError

SPOOL_BYTES = 1 << 20
_PREFERENCE = ("zstd", "lz4", "gzip", "deflate")  # the server's order, without brotli


class Encoder(Protocol):
    """An incremental compressor."""

    def compress(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


class Identity:
    """The encoder that leaves bytes alone."""

    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class Lz4Frame:
    """One LZ4 frame, its header written with the first bytes."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._header = self._frame.begin()

    def compress(self, data: bytes) -> bytes:
        header, self._header = self._header, b""
        return cast("bytes", header + self._frame.compress(data))

    def flush(self) -> bytes:
        return cast("bytes", self._header + self._frame.flush())


def negotiate(accepted: str) -> str | None:
    """Choose the content coding for an `Accept-Encoding` header as the server does; None is identity."""
    return next((name for name in _PREFERENCE if name in accepted), None)


def encoder(name: str | None) -> Encoder:
    """Return a fresh encoder for a name `negotiate` returned."""
    if name == "zstd":
        return zstd.ZstdCompressor()
    if name == "lz4":
        return Lz4Frame()
    if name in ("gzip", "deflate"):
        return zlib.compressobj(wbits=31 if name == "gzip" else 15)
    return Identity()


def decoded(body: IO[bytes], encoding: str) -> IO[bytes]:
    """Return the body at its start, decompressed; raises QueryError for an unknown coding or damaged bytes."""
    body.seek(0)
    if encoding in ("", "identity"):
        return body
    plain = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - handed to the caller
    try:
        shutil.copyfileobj(_reader(body, encoding), plain)
    except (EOFError, OSError, RuntimeError, zlib.error, zstd.ZstdError) as error:
        raise QueryError.named(
            CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS", f"Cannot decompress {encoding}: {error}"
        ) from error
    plain.seek(0)
    return plain


def _reader(body: IO[bytes], encoding: str) -> IO[bytes]:
    if encoding == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=body, mode="rb"))
    if encoding == "zstd":
        return cast("IO[bytes]", zstd.ZstdFile(body))
    if encoding == "lz4":
        return cast("IO[bytes]", lz4.frame.LZ4FrameFile(body))
    if encoding == "deflate":
        return io.BytesIO(zlib.decompress(body.read()))
    raise QueryError.named(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", f"Unknown compression method {encoding}")

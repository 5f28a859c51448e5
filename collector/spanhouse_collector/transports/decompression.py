"""Request bodies as they were before the sender compressed them, never more of them than allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from backports import zstd
from isal import isal_zlib

from spanhouse_collector.errors import Malformed, Refused, TooLarge, UnsupportedMedia

ENCODINGS = ("identity", "gzip", "zstd")

_GZIP = 31  # window bits that make zlib read gzip's header and trailer
# A body may be several compressed ones in a row. Each copies what follows it, so that many would take quadratic time.
_MOST_MEMBERS = 256
# What a zstd frame may ask for beside its content (RFC 9659: 8 MiB); one in a single piece asks for all of its content.
_WINDOW_LOG = 23


class _Decompressor(Protocol):
    """What zlib, isal and zstd have in common; it stands for one member or frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """`body` without its Content-Encoding.

    Raises TooLarge before more than `limit` bytes exist, Malformed for bytes that are not what the encoding says,
    UnsupportedMedia for another encoding.
    """
    if encoding in ("", "identity"):
        return body
    try:
        if encoding in ("gzip", "x-gzip"):
            return _members(body, "gzip", limit, lambda: isal_zlib.decompressobj(_GZIP))
        if encoding == "zstd":
            window = max(_WINDOW_LOG, (limit - 1).bit_length())
            options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: window}
            return _members(body, "zstd", limit, lambda: zstd.ZstdDecompressor(options=options))
    except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls the class an instance
        raise Malformed(f"the body is not gzip: {error}") from error
    except zstd.ZstdError as error:
        raise _not_zstd(body, limit, error) from error
    raise UnsupportedMedia(f"content encoding {encoding!r:.40} is not supported; allowed: {', '.join(ENCODINGS)}")


def too_large(limit: int, where: str = "") -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge(f"the request body is larger than {limit} bytes{where}; send smaller batches or raise max_body")


def _members(body: bytes, name: str, limit: int, new: Callable[[], _Decompressor]) -> bytes:
    members: list[bytes] = []
    room = limit
    while body:
        if len(members) == _MOST_MEMBERS:
            raise Malformed(f"the {name} body has more than {_MOST_MEMBERS} parts")
        decompressor = new()
        member = decompressor.decompress(body, room + 1)
        room -= len(member)
        if room < 0:
            raise too_large(limit, " after decompression")
        if not decompressor.eof:
            raise Malformed(f"the {name} body is cut off")
        members.append(member)
        body = decompressor.unused_data
    return members[0] if len(members) == 1 else b"".join(members)


def _not_zstd(body: bytes, limit: int, error: zstd.ZstdError) -> Refused:
    try:
        declared = zstd.get_frame_info(body).decompressed_size
    except zstd.ZstdError:
        declared = None
    if declared is not None and declared > limit:
        return too_large(limit, " after decompression")
    return Malformed(f"the body is not zstd: {error}")

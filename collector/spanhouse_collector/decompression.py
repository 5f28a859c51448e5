"""Request bodies as they were before the sender compressed them, never more of them than allowed."""

from __future__ import annotations

from isal import isal_zlib

from spanhouse_collector.errors import Malformed, TooLarge, UnsupportedMedia

_GZIP = 31  # window bits that make zlib read gzip's header and trailer
ENCODINGS = ("identity", "gzip")


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """`body` without its Content-Encoding.

    Raises TooLarge before more than `limit` bytes exist, Malformed for bytes that are not gzip, UnsupportedMedia for
    another encoding.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMedia(f"content encoding {encoding!r:.40} is not supported; allowed: {', '.join(ENCODINGS)}")
    return _gunzip(body, limit)


def too_large(limit: int, where: str = "") -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge(f"the request body is larger than {limit} bytes{where}; send smaller batches or raise max_body")


def _gunzip(body: bytes, limit: int) -> bytes:
    members: list[bytes] = []
    room = limit
    while body:
        inflater = isal_zlib.decompressobj(_GZIP)
        try:
            member = inflater.decompress(body, room + 1)
        except isal_zlib.error as error:  # type: ignore[misc]  # its stub calls the class an instance
            raise Malformed(f"the body is not gzip: {error}") from error
        room -= len(member)
        if room < 0:
            raise too_large(limit, " after decompression")
        if not inflater.eof:
            raise Malformed("the gzip body is cut off")
        members.append(member)
        body = inflater.unused_data
    return members[0] if len(members) == 1 else b"".join(members)

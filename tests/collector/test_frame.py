"""Frames are found again, and what is not whole is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_collector.frame import Frame, TornFrame, digest_of, frame_header, frames_in

TENANTS = st.text(alphabet="abcXYZ019_.-", min_size=1, max_size=64)
BODIES = st.binary(min_size=0, max_size=400)
COUNTS = st.integers(0, 70_000)


@st.composite
def encoded(draw: st.DrawFn) -> tuple[bytes, str, bytes, int]:
    """A frame's bytes, its tenant, its body and how many of its spans are to be stored."""
    tenant, body, rejected, stored = draw(TENANTS), draw(BODIES), draw(COUNTS), draw(COUNTS)
    at = draw(st.integers(0, 2**64 - 1))
    header = frame_header(tenant, at, body, digest=digest_of(body), spans=rejected + stored, rejected=rejected)
    return header + body, tenant, body, stored


def read(data: bytes) -> tuple[list[Frame], bool]:
    """The frames before the end or the first damage, and whether there was damage."""
    frames: list[Frame] = []
    try:
        for frame in frames_in(memoryview(data)):
            frames.append(frame)  # noqa: PERF402 - what was read before an error counts
    except TornFrame:
        return frames, True
    return frames, False


@given(st.lists(encoded(), max_size=6))
def test_what_was_written_is_read(written: list[tuple[bytes, str, bytes, int]]) -> None:
    data = b"".join(frame for frame, *_ in written)
    frames, torn = read(data)
    assert not torn
    assert [(frame.tenant, frame.digest, frame.spans) for frame in frames] == [
        (tenant, digest_of(body), stored) for _, tenant, body, stored in written
    ]
    assert [data[frame.start : frame.end] for frame in frames] == [frame for frame, *_ in written]


@given(st.lists(encoded(), min_size=1, max_size=5), st.data())
def test_a_cut_leaves_exactly_the_whole_frames(
    written: list[tuple[bytes, str, bytes, int]], data: st.DataObject
) -> None:
    whole = b"".join(frame for frame, *_ in written)
    cut = data.draw(st.integers(0, len(whole) - 1))
    ends = [sum(len(frame) for frame, *_ in written[: index + 1]) for index in range(len(written))]
    frames, torn = read(whole[:cut])
    assert [frame.end for frame in frames] == [end for end in ends if end <= cut]
    assert torn == (cut not in (0, *ends))


@given(encoded().filter(lambda written: len(written[2]) > 0), st.data())
def test_a_changed_body_is_noticed(written: tuple[bytes, str, bytes, int], data: st.DataObject) -> None:
    frame, _, body, _ = written
    at = data.draw(st.integers(len(frame) - len(body), len(frame) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = frame[:at] + bytes((frame[at] ^ flip,)) + frame[at + 1 :]
    assert read(damaged) == ([], True)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    frames, torn = read(data)
    assert torn or sum(frame.end - frame.start for frame in frames) == len(data)


def test_a_frame_without_its_body_is_torn() -> None:
    header = frame_header("t", 0, b"body", digest=digest_of(b"body"))
    with pytest.raises(TornFrame, match="ends at"):
        list(frames_in(memoryview(header)))

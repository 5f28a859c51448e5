"""Frames are found again, and what is not whole is noticed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from spanhouse_collector.frame import Damage, Frame, digest_of, frame_header, scan

TENANTS = st.text(alphabet="abcXYZ019_.-", min_size=1, max_size=64)
BODIES = st.binary(min_size=0, max_size=400)
COUNTS = st.integers(0, 70_000)


@st.composite
def encoded(draw: st.DrawFn) -> tuple[bytes, str, bytes, int]:
    """A frame's bytes, its tenant, its body and how many of its spans are to be stored."""
    tenant, body, rejected, stored = draw(TENANTS), draw(BODIES), draw(COUNTS), draw(COUNTS)
    at = draw(st.integers(0, 2**64 - 1))
    header = frame_header(tenant, at, body, digest=digest_of(body), items=rejected + stored, rejected=rejected)
    return header + body, tenant, body, stored


def read(data: bytes) -> tuple[list[Frame], list[Damage]]:
    """The whole frames, and the damage."""
    found = list(scan(memoryview(data)))
    return [part for part in found if isinstance(part, Frame)], [part for part in found if isinstance(part, Damage)]


@given(st.lists(encoded(), max_size=6))
def test_what_was_written_is_read(written: list[tuple[bytes, str, bytes, int]]) -> None:
    data = b"".join(frame for frame, *_ in written)
    frames, damage = read(data)
    assert not damage
    assert [(frame.tenant, frame.digest, frame.items) for frame in frames] == [
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
    frames, damage = read(whole[:cut])
    assert [frame.end for frame in frames] == [end for end in ends if end <= cut]
    assert bool(damage) == (cut not in (0, *ends))


@given(encoded(), st.data())
def test_a_changed_byte_is_noticed_wherever_it_is(written: tuple[bytes, str, bytes, int], data: st.DataObject) -> None:
    frame, *_ = written
    at = data.draw(st.integers(0, len(frame) - 1))
    flip = data.draw(st.integers(1, 255))
    frames, damage = read(frame[:at] + bytes((frame[at] ^ flip,)) + frame[at + 1 :])
    assert frames == []
    assert damage


@given(st.lists(encoded(), min_size=2, max_size=6), st.data())
def test_damage_in_one_frame_leaves_the_others(
    written: list[tuple[bytes, str, bytes, int]], data: st.DataObject
) -> None:
    frames = [frame for frame, *_ in written]
    index = data.draw(st.integers(0, len(frames) - 1))
    length = 1 if len(frames[index]) < 130 else 2  # of the length itself, which is what leads to the next frame
    at = data.draw(st.integers(length, len(frames[index]) - 1))
    start = sum(map(len, frames[:index]))
    segment = bytearray(b"".join(frames))
    segment[start + at] ^= data.draw(st.integers(1, 255))
    whole, damage = read(bytes(segment))
    assert [bytes(segment[frame.start : frame.end]) for frame in whole] == frames[:index] + frames[index + 1 :]
    assert [(part.start, part.end) for part in damage] == [(start, start + len(frames[index]))]


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    covered = [(part.start, part.end) for part in scan(memoryview(data))]
    assert [start for start, _ in covered] == [0, *(end for _, end in covered)][: len(covered)]
    assert sum(end - start for start, end in covered) == len(data)


def test_zeros_are_one_piece_of_damage() -> None:
    assert [(part.start, part.end) for part in scan(memoryview(bytes(1 << 20)))] == [(0, 1 << 20)]


def test_a_frame_without_its_body_is_damage() -> None:
    header = frame_header("t", 0, b"body", digest=digest_of(b"body"))
    (damage,) = read(header)[1]
    assert "ends at" in damage.reason

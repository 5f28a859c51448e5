"""`spanhouse quarantine` on the folder of a service that runs, and of one that does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from spanhouse_collector.frame import digest_of, frame_header
from spanhouse_collector.segments import Kind, Quarantine

from tests.cli.running import Running, command, serving
from tests.support.polling import eventually
from tests.support.spans import frame, request, span

GOOD, BAD, TORN = "00000000000000000001-aaaaaaaa", "00000000000000000002-bbbbbbbb", "00000000000000000003-cccccccc-0"
BODY = request({"web": [span("kept", trace_id=b"t" * 16, span_id=b"s" * 8)]}).SerializeToString()
NO_REQUEST = b"\x0a\x05\x0a\x03\x0a\x01\xff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with one request that can be stored by now, one that never can, and a damaged piece."""
    path = tmp_path / "data"
    path.mkdir()
    quarantine = Quarantine(path / "quarantine" / "traces")
    quarantine.open()
    broken = frame_header("acme", 1, NO_REQUEST, digest=digest_of(NO_REQUEST), items=1) + NO_REQUEST
    for name, data in ((f"{GOOD}.frame", frame(BODY, tenant="acme")), (f"{BAD}.frame", broken)):
        quarantine.keep(name, data, kind=Kind.REFUSED, reason="it was so", requests={"acme": 1}, items=1)
    quarantine.keep(f"{TORN}.torn", b"rubbish" * 100, kind=Kind.DAMAGED, reason="a disk")
    return path


def quarantine(folder: Path, *arguments: str, status: int = 0) -> str:
    done = command("quarantine", *arguments, f"--data-dir={folder}")
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout + done.stderr


def ids(folder: Path) -> list[str]:
    return [entry["id"] for entry in json.loads(quarantine(folder, "list", "--json"))]


def spans_stored(running: Running) -> Any:
    return json.loads(running.get("/api/v1/status")[1])["store"]["spans"]


def test_the_list_says_what_is_there_and_why(folder: Path) -> None:
    lines = [re.split(r"\s{2,}", line) for line in quarantine(folder, "list").splitlines()]
    assert lines[0] == ["ID", "WHEN", "TENANT", "SIGNAL", "ITEMS", "SIZE", "REASON"]
    good, bad, torn = lines[1:]
    assert (good[0], *good[2:5], good[6]) == (GOOD, "acme", "traces", "1", "refused: it was so")
    assert bad[0] == BAD
    assert (torn[0], *torn[2:5], torn[6]) == (TORN, "?", "traces", "?", "damaged: a disk")


def test_a_folder_without_quarantine_is_empty(tmp_path: Path) -> None:
    assert quarantine(tmp_path / "nothing", "list") == "Nothing is in quarantine.\n"


def test_a_note_that_is_missing_or_broken_hides_nothing(folder: Path) -> None:
    (folder / "quarantine" / "traces" / f"{GOOD}.json").unlink()
    (folder / "quarantine" / "traces" / f"{BAD}.json").write_text("{")
    assert sorted(ids(folder)) == [GOOD, BAD, TORN]
    assert "unknown" in quarantine(folder, "show", GOOD)


def test_a_request_is_shown_as_otlp_json(folder: Path) -> None:
    shown = quarantine(folder, "show", GOOD)
    assert "it was so" in shown
    assert "tenant acme" in shown
    document = json.loads(shown[shown.index("\n{") :])
    (found,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (found["traceId"], found["spanId"], found["name"]) == ((b"t" * 16).hex(), (b"s" * 8).hex(), "kept")


def test_what_is_no_request_is_shown_as_bytes(folder: Path) -> None:
    assert NO_REQUEST.hex(" ") in quarantine(folder, "show", BAD)
    shown = quarantine(folder, "show", TORN)
    assert b"rubbishrubbishru".hex(" ") in shown
    assert "188 bytes more" in shown


@pytest.mark.parametrize("verb", ["show", "retry", "drop"])
def test_an_id_that_is_not_there_is_said(folder: Path, verb: str) -> None:
    assert "is not in quarantine" in quarantine(folder, verb, "nonsense", status=1)


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_what_is_meant_has_to_be_named(folder: Path, verb: str) -> None:
    assert "--all" in quarantine(folder, verb, status=2)
    assert "--all" in quarantine(folder, verb, "--all", GOOD, status=2)


def test_what_is_damaged_is_not_tried_again(folder: Path) -> None:
    assert "damaged" in quarantine(folder, "retry", TORN, status=1)
    assert len(ids(folder)) == 3


def test_what_is_stored_in_part_is_not_tried_again(folder: Path) -> None:
    name = "00000000000000000004-dddddddd"
    Quarantine(folder / "quarantine" / "traces").keep(f"{name}.frame", frame(BODY), kind=Kind.PARTIAL, reason="a view")
    assert "stored again" in quarantine(folder, "retry", name, status=1)


def test_dropping_asks_first(folder: Path) -> None:
    assert "Remove 1" in quarantine(folder, "drop", GOOD, status=1)
    assert len(ids(folder)) == 3
    assert "removed" in quarantine(folder, "drop", GOOD, "--yes")
    assert ids(folder) == [BAD, TORN]
    quarantine(folder, "drop", "--all", "--yes")
    assert list((folder / "quarantine" / "traces").iterdir()) == []


def test_the_next_service_stores_what_is_given_back_while_none_runs(folder: Path) -> None:
    assert "when Spanhouse starts" in quarantine(folder, "retry", GOOD)
    assert "to be tried again" in quarantine(folder, "list")
    quarantine(folder, "retry", GOOD)
    with serving("up", folder) as running:
        eventually(lambda: GOOD not in ids(folder), 20)
        eventually(lambda: spans_stored(running) == 1, 20)
        assert ids(folder) == [BAD, TORN]
        assert not (folder / "quarantine" / "traces" / f"{GOOD}.json").exists()


def test_a_service_that_runs_stores_it_once_although_it_knows_the_request(folder: Path) -> None:
    with serving("up", folder) as running:
        headers = {"content-type": "application/x-protobuf", "x-scope-orgid": "acme"}
        assert running.post("/v1/traces", request({"web": [span()]}).SerializeToString(), headers)[0] == 200
        eventually(lambda: spans_stored(running) == 1, 20)
        assert f"{GOOD}: stored" in quarantine(folder, "retry", GOOD)
        answer = quarantine(folder, "retry", "--all", status=1)
        assert f"{BAD}: failed again (refused:" in answer
        assert (spans_stored(running), ids(folder)) == (2, [TORN, BAD])
        metrics = running.get("/metrics")[1].decode()
        assert 'spanhouse_frames_quarantined_total{reason="refused",tenant="acme"} 1.0' in metrics

"""docs/receiving.md tells every refusal as it is."""

from __future__ import annotations

import re
from pathlib import Path

from spanhouse_collector.errors import ANSWERS
from spanhouse_collector.transports.decompression import ENCODINGS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "receiving.md").read_text("utf-8")
ROW = re.compile(r"^\| [^|]+ \| (\d{3})[^|]* \| `([A-Z_]+)`[^|]* \| `([a-z_]+)` \|", re.MULTILINE)


def test_the_table_of_refusals_is_the_one_in_the_code() -> None:
    answers = {(str(answer.http.value), answer.grpc.name, answer.reason) for answer in ANSWERS.values()}
    assert set(ROW.findall(DOCUMENT)) == answers


def test_every_encoding_is_named() -> None:
    assert f"| none, {', '.join(ENCODINGS[1:])} (`Content-Encoding`) |" in DOCUMENT

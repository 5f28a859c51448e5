"""docs/api.md speaks of all that the API has, and what it says of it can be done."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from spanhouse_query.filters import parse
from spanhouse_query.filters.ast import leaves

from tests.query.service import Service

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
EXAMPLES = [line.strip() for line in GUIDE.splitlines() if line.startswith("    curl ")]
FILTERS = re.findall(r"^\| [^|]+ \| `([^`]+)` \|$", GUIDE[GUIDE.index("| to find | write |") :], re.MULTILINE)


def test_speaks_of_every_path_and_parameter(service: Service) -> None:
    paths = service.get("/openapi.json")["paths"]
    queried = {
        parameter["name"]
        for item in paths.values()
        for parameter in item["get"]["parameters"]
        if parameter["in"] == "query"
    }
    unmentioned = [name for name in (*paths, *queried) if f"`{name}`" not in GUIDE and f"`{name}=" not in GUIDE]
    assert unmentioned == []


@pytest.mark.parametrize("command", EXAMPLES)
def test_every_example_can_be_asked(service: Service, command: str) -> None:
    """Of a trace, service or edge that is not there the answer is 404; the one that shows an error is to fail."""
    url, parameters = asked(command)
    response = service.client.get(httpx2.URL(url).copy_merge_params(parameters))
    expected = {400} if "retries in 5" in command else {200, 404}
    assert response.status_code in expected, response.text


def asked(command: str) -> tuple[str, dict[str, str]]:
    """Path and query of a curl command, and what its -d and --data-urlencode add."""
    words = shlex.split(command)
    (url,) = [word for word in words if word.startswith("http://")]
    data = [after for word, after in pairwise(words) if word in ("-d", "--data-urlencode")]
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}", dict(pair.partition("=")[::2] for pair in data)


@pytest.mark.parametrize("text", FILTERS)
def test_every_filter_in_it_is_one(text: str) -> None:
    assert leaves(parse(text)) != []


def test_has_examples_of_filters() -> None:
    assert len(FILTERS) >= 6

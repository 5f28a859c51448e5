"""API keys: made once, kept as hashes, and what a file may look like."""

from __future__ import annotations

from pathlib import Path

import pytest
from spanhouse_collector.admission.access import Access
from spanhouse_collector.admission.keys import KeyRing, KeysError, add_key, read_keys, revoke_key
from spanhouse_collector.errors import Forbidden, Malformed, Unauthenticated

HASH = "sha256:" + "0" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_a_key_opens_its_tenant_and_stands_nowhere(path: Path) -> None:
    keys = {name: add_key(path, name, tenant) for name, tenant in (("a", "shop"), ("b", "shop"), ("c", "default"))}
    ring = KeyRing(path)
    assert [ring.tenant_of(key) for key in keys.values()] == ["shop", "shop", "default"]
    assert [key for key in keys.values() if key.removeprefix("spanhouse_") in path.read_text()] == []
    assert [ring.tenant_of(wrong) for wrong in ("", "x", keys["a"][:-1], keys["a"] + "x", "\udcff")] == [None] * 5


def test_a_revoked_key_opens_nothing_and_the_other_lines_stay(path: Path) -> None:
    add_key(path, "a", "shop")
    path.write_text(path.read_text() + "# of the second team\n")
    path.chmod(0o640)
    kept = path.read_text()
    revoked = add_key(path, "b", "shop")
    ring = KeyRing(path)
    assert ring.tenant_of(revoked) == "shop"
    revoke_key(path, "b")
    ring.refresh()
    assert (ring.tenant_of(revoked), path.read_text(), path.stat().st_mode & 0o777) == (None, kept, 0o640)


def test_a_file_that_cannot_be_used_any_more_leaves_the_keys_as_they_were(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = add_key(path, "a", "shop")
    ring = KeyRing(path)
    path.write_text("nonsense\n")
    for _ in range(2):
        ring.refresh()
    assert (ring.tenant_of(key), caplog.text.count("stay in use")) == ("shop", 1)


def test_a_line_that_was_written_by_hand_without_an_end_is_no_trap(path: Path) -> None:
    path.write_text(f"a shop {HASH}")
    key = add_key(path, "b", "shop")
    assert KeyRing(path).tenant_of(key) == "shop"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a shop", r"keys:1: not `NAME TENANT sha256:HEX`"),
        (f"# keys\n\na shop {HASH}0", r"keys:3: the hash is not sha256: and 64 hexadecimal digits"),
        (f"a sh/op {HASH}", r"keys:1: tenant 'sh/op'"),
        (f"a/b shop {HASH}", r"keys:1: 'a/b' cannot be the name of a key"),
        (f"a shop {HASH}\na other {HASH}", r"keys:2: there is a key 'a' already"),
        (None, r"keys cannot be read: No such file"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(path: Path, content: str | None, message: str) -> None:
    if content is not None:
        path.write_text(content)
    with pytest.raises(KeysError, match=message):
        KeyRing(path)


def test_a_name_is_given_once(path: Path) -> None:
    add_key(path, "a", "shop")
    with pytest.raises(KeysError, match="there is a key 'a' in"):
        add_key(path, "a", "other")
    with pytest.raises(KeysError, match="there is no key 'b' in"):
        revoke_key(path, "b")
    assert [(key.name, key.tenant) for key in read_keys(path)] == [("a", "shop")]


def test_the_key_decides_whose_data_it_is(path: Path) -> None:
    bearer = f"Bearer {add_key(path, 'a', 'shop')}"
    access = Access(KeyRing(path))
    assert [access.tenant_of(header, None) for header in (bearer, bearer.replace("B", "b", 1))] == ["shop", "shop"]
    assert access.tenant_of(bearer, "shop") == "shop"
    with pytest.raises(Forbidden, match="not for the tenant"):
        access.tenant_of(bearer, "default")
    with pytest.raises(Malformed):
        access.tenant_of(bearer, "a/b")
    for header in (None, "", "Bearer", "Bearer ", "Bearer x", f"Basic {bearer[7:]}", bearer[7:]):
        with pytest.raises(Unauthenticated):
            access.tenant_of(header, "shop")


def test_without_keys_the_header_decides() -> None:
    access = Access(None)
    assert [access.tenant_of(None, None), access.tenant_of("Bearer x", "shop")] == ["default", "shop"]

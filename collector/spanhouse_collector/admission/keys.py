"""API keys: made at random, shown once, kept as hashes, one for each line of a file.

    NAME TENANT sha256:HEX

A key has 256 random bits, so that its hash tells nothing of it, and a slow hash would protect it no better.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from spanhouse_storage import tenant

from spanhouse_collector.admission.file_stamp import stamp_of

logger = logging.getLogger(__name__)

_PREFIX = "spanhouse_"
_RANDOM_BYTES = 32
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HEADING = "# API keys of Spanhouse: name, tenant, hash. See `spanhouse keys --help`.\n"


class KeysError(Exception):
    """The file, or what was asked of it, cannot be; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Key:
    """Who it was given to, whose data comes with it, and its SHA-256."""

    name: str
    tenant: str
    digest: bytes

    @property
    def line(self) -> str:
        """As it stands in the file."""
        return f"{self.name} {self.tenant} sha256:{self.digest.hex()}\n"


class KeyRing:
    """The keys of a file, read anew when it changes. Constructing raises KeysError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = stamp_of((path,))
        self._keys = _by_beginning(read_keys(path))

    def refresh(self) -> None:
        """Take over what changed; a file that cannot be used changes nothing, and is told of once."""
        stamp = stamp_of((self.path,))
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            keys = read_keys(self.path)
        except KeysError as error:
            logger.error("the changed keys_file cannot be used, the keys before stay in use: %s", error)
            return
        self._keys = _by_beginning(keys)
        logger.info("took over the changed keys_file", extra={"keys": len(keys)})

    def tenant_of(self, key: str) -> str | None:
        """Whose data comes with `key`; None for one that is not in the file."""
        digest = _digest(key)
        found = None
        for each in self._keys.get(digest[:2], ()):
            if hmac.compare_digest(each.digest, digest):
                found = each.tenant
        return found


def read_keys(path: Path) -> list[Key]:
    """The keys in their order. Raises KeysError with the line that is wrong."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    keys: dict[str, Key] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = _parsed(line)
        except ValueError as error:
            raise KeysError(f"{path}:{number}: {error}") from error
        if keys.setdefault(key.name, key) is not key:
            raise KeysError(f"{path}:{number}: there is a key {key.name!r} already")
    return list(keys.values())


def add_key(path: Path, name: str, for_tenant: str) -> str:
    """Make a key and append its hash to the file, which need not exist; the key itself is in the answer alone."""
    key = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    try:
        entry = Key(_checked_name(name), tenant.tenant_of(for_tenant), _digest(key))
    except ValueError as error:
        raise KeysError(str(error)) from error
    is_new = not path.exists()
    if not is_new and any(each.name == name for each in read_keys(path)):
        raise KeysError(f"there is a key {name!r} in {path} already")
    _append(path, (_HEADING if is_new else "") + entry.line)
    return key


def revoke_key(path: Path, name: str) -> None:
    """Take a key out of the file; the other lines stay as they are. Raises KeysError where there is no such key."""
    if all(each.name != name for each in read_keys(path)):
        raise KeysError(f"there is no key {name!r} in {path}")
    kept = [line for line in path.read_text("utf-8").splitlines(keepends=True) if line.split()[:1] != [name]]
    unfinished = path.with_name(f".{path.name}.new")
    try:
        unfinished.write_text("".join(kept), "utf-8")
        unfinished.chmod(path.stat().st_mode)
        unfinished.replace(path)
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error.strerror}") from error


def _append(path: Path, text: str) -> None:
    try:
        with path.open("ab+") as file:
            if file.tell() and path.read_bytes()[-1:] != b"\n":
                text = "\n" + text
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error.strerror}") from error


def _parsed(line: str) -> Key:
    fields = line.split()
    if len(fields) != 3:
        raise ValueError("not `NAME TENANT sha256:HEX`")
    hashed = _HASH.fullmatch(fields[2])
    if hashed is None:
        raise ValueError("the hash is not sha256: and 64 hexadecimal digits")
    return Key(_checked_name(fields[0]), tenant.tenant_of(fields[1]), bytes.fromhex(hashed[1]))


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name!r:.80} cannot be the name of a key; it is 1 to 64 letters, digits and . _ @ -, beginning with a "
            "letter or digit"
        )
    return name


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()


def _by_beginning(keys: list[Key]) -> dict[bytes, list[Key]]:
    """By the first two bytes of the hash, which a sender cannot choose; within one, all are compared in full."""
    found: dict[bytes, list[Key]] = defaultdict(list)
    for key in keys:
        found[key.digest[:2]].append(key)
    return dict(found)

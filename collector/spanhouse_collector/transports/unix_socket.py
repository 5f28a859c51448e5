"""Unix sockets to listen on: what a killed process left is removed, what is in use or no socket is not."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

PREFIX = "unix:"
# Owner and group may send. Who else should be kept out, or let in, is decided by the folder.
_MODE = 0o660


def path_of(address: str) -> Path | None:
    """The path in `unix:/run/otlp.sock`; None for an address of another kind."""
    return Path(address.removeprefix(PREFIX)) if address.startswith(PREFIX) else None


def clear(path: Path) -> None:
    """Remove a socket that nobody listens on. Raises OSError for one that is in use, and for what is not a socket."""
    try:
        mode = path.stat(follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(f"{path} is there already, and is not a socket")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except TimeoutError:  # somebody listens, who is busy
            pass
    raise FileExistsError("Address already in use")


def let_group_in(path: Path) -> None:
    """Give a socket that listens the permissions that it is to have; until then the umask decides."""
    path.chmod(_MODE)


def listen(path: Path, backlog: int) -> socket.socket:
    """A socket that listens on `path`. Raises OSError that says what is in the way."""
    clear(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        let_group_in(path)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener

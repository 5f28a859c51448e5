"""A ClickHouse server behind TLS, with a certificate that no authority of the system has signed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from spanhouse_storage import ServerConfig, Store, StoreConfig, StoreError, StoreUnavailable, migrate, open_store

from tests.clickhouse_front.process import running_front
from tests.support.spans import request, segment, span

SUBJECT = ["-subj", "/CN=spanhouse-test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")


@dataclass(frozen=True)
class Server:
    url: str
    certificate: Path


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, for this machine, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = ["openssl", "req", *made, *SUBJECT, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    with running_front(folder / "clickhouse", certificate=(certificate, key)) as url:
        assert url.startswith("https://")
        yield Server(url, certificate)


def opened(config: ServerConfig) -> Store:
    return open_store(StoreConfig(engine=config))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_own_authority_lets_it_be_trusted(server: Server, tmp_path: Path, host: str) -> None:
    url = server.url.replace("127.0.0.1", host)
    with closing(opened(ServerConfig(url=url, ca_cert=server.certificate))) as store:
        migrate(store)
        before = store.rows("SELECT count() AS n FROM spans")[0]["n"]
        path = tmp_path / "segment"
        path.write_bytes(segment([request({"web": [span()]}).SerializeToString()]))
        store.insert_segment(path, f"segment-{host}")
        assert store.rows("SELECT count() AS n FROM spans")[0]["n"] == before + 1


def test_without_it_the_server_is_not_trusted_and_waiting_would_not_help(server: Server) -> None:
    with pytest.raises(StoreError, match=r"(?i)certificate.verify.failed") as caught:
        opened(ServerConfig(url=server.url))
    assert not isinstance(caught.value, StoreUnavailable)


def test_the_check_can_be_left_out(server: Server) -> None:
    unchecked = replace(ServerConfig(url=server.url), verify=False)
    with closing(opened(unchecked)) as store:
        assert store.rows("SELECT 1 AS one") == [{"one": 1}]

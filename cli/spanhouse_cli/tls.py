"""TLS from files: one certificate for all addresses, read anew when its files change."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc
from spanhouse_collector.admission.file_stamp import stamp_of

logger = logging.getLogger("spanhouse")


class TlsError(Exception):
    """The files cannot be used; the message names the one that is wrong."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the certificate with those that lead to its authority, its key, and the authorities of clients."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.cert, self.key, *((self.client_ca,) if self.client_ca else ()))


class Tls:
    """The certificate as both kinds of servers want it.

    `refresh` takes changed files over for connections to come; files that cannot be used change nothing, and are told
    of once. Constructing raises TlsError.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._stamp = stamp_of(files.paths)
        self._contexts = _contexts(files)
        self._certificate = _certificate(files)
        self._renewed: grpc.ServerCertificateConfiguration | None = None

    def refresh(self) -> None:
        """Look at the files, and take over what changed."""
        stamp = stamp_of(self.files.paths)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            contexts, certificate = _contexts(self.files), _certificate(self.files)
        except TlsError as error:
            logger.error("the changed TLS files cannot be used, the certificate before stays in use: %s", error)
            return
        self._contexts, self._renewed = contexts, certificate
        logger.info("took over the changed TLS files", extra={"tls_cert": str(self.files.cert)})

    def http_context(self, *, demand: bool) -> ssl.SSLContext:
        """For HTTP servers. With `client_ca`, clients must show a certificate, or may, if `demand` is false."""

        def current(connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
            connection.context = self._contexts[demand]

        # Called at the beginning of each handshake, also of those that name no server.
        context = _context(self.files, demand=demand)
        context.sni_callback = current
        return context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For a gRPC server. With `client_ca`, clients must show a certificate."""
        return grpc.dynamic_ssl_server_credentials(
            self._certificate,
            self._renewal,  # type: ignore[arg-type]  # its stub lacks the None for no change
            self.files.client_ca is not None,
        )

    def _renewal(self) -> grpc.ServerCertificateConfiguration | None:
        """What gRPC asks for before each handshake, in a thread of its own: None is no change."""
        renewed, self._renewed = self._renewed, None
        return renewed


def _contexts(files: TlsFiles) -> dict[bool, ssl.SSLContext]:
    return {demand: _context(files, demand=demand) for demand in (False, True)}


def _context(files: TlsFiles, *, demand: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A resumed session would go round a changed list of client authorities.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    try:
        context.load_cert_chain(files.cert, files.key, password=b"")  # without a password it would ask the terminal
    except OSError as error:
        raise TlsError(f"{files.cert} and {files.key} are no certificate and its key: {_reason(error)}") from error
    if files.client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(files.client_ca)
        except OSError as error:
            raise TlsError(f"{files.client_ca} has no certificates of authorities: {_reason(error)}") from error
    return context


def _certificate(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    try:
        cert, key = files.cert.read_bytes(), files.key.read_bytes()
        roots = files.client_ca.read_bytes() if files.client_ca else None
    except OSError as error:
        raise TlsError(f"{error.filename}: {error.strerror}") from error
    return grpc.ssl_server_certificate_configuration([(key, cert)], root_certificates=roots)


def _reason(error: OSError) -> str:
    """OpenSSL's word for it, such as KEY_VALUES_MISMATCH, or the system's."""
    return getattr(error, "reason", None) or error.strerror or str(error)

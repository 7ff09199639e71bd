"""TLS for both doors: one certificate, its key, and (for mutual TLS) the authorities whose clients are let in.

The files are tried before a port is opened, by a handshake with ourselves, so that what clients would stumble over is
an error with an option's name instead. Renewed files are taken for connections made from then on.
"""

import logging
import ssl
import stat
from pathlib import Path
from typing import NamedTuple, NoReturn

import grpc

from spanhouse_backend.access.reloading import Reloading
from spanhouse_backend.access.token_file import open_to_others
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.settings import TlsFiles

logger = logging.getLogger(__name__)


class Certificates(NamedTuple):
    """One reading of the files, in the forms that the two doors take."""

    http: ssl.SSLContext
    grpc: grpc.ServerCertificateConfiguration


class Tls:
    """What the doors need to speak TLS, with the newest files that could be used; `files` has to be watched for that.

    gRPC asks for its certificates on threads of its own, once a connection: that reads one attribute and waits for
    nothing.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Raises SettingsError, naming the option, when the files cannot be used."""
        self._client_ca = files.client_ca
        paths = [path for path in files if path is not None]
        self.files = Reloading(lambda: load_certificates(files), paths)
        status = files.key.stat()
        if open_to_others(status):
            mode = stat.S_IMODE(status.st_mode)
            logger.warning("--tls-key: others can read or change %s (mode %04o): chmod 600 it", files.key, mode)

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For a secure port."""
        return grpc.dynamic_ssl_server_credentials(
            self.files.current.grpc,
            lambda: self.files.current.grpc,
            require_client_authentication=self._client_ca is not None,
        )

    def ssl_context(self) -> ssl.SSLContext:
        """For asyncio, which takes one context for the life of its server.

        So that one only passes each connection on, when its client has said hello, to the newest.
        """

        def pass_on(connection: ssl.SSLObject, _server_name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.files.current.http

        context = _server_context(self._client_ca)
        context.sni_callback = pass_on
        return context


def load_certificates(files: TlsFiles) -> Certificates:
    """Reads and tries the files. Raises SettingsError naming the option of the one that cannot be used."""
    cert, key = _read(files.cert, "--tls-cert"), _read(files.key, "--tls-key")
    client_ca = _read(files.client_ca, "--tls-client-ca") if files.client_ca else None
    http = _server_context(files.client_ca)
    _load_chain(http, files)
    _shake_hands(files)
    return Certificates(http, grpc.ssl_server_certificate_configuration([(key, cert)], client_ca))


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{option}: cannot read {path}: {error.strerror or error}") from error


def _server_context(client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    if client_ca is not None:
        _trust(context, client_ca, "--tls-client-ca")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _trust(context: ssl.SSLContext, path: Path, option: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise SettingsError(f"{option}: {path} holds no certificate in PEM form ({error.reason or error})") from error


def _load_chain(context: ssl.SSLContext, files: TlsFiles) -> None:
    def no_password() -> NoReturn:
        raise SettingsError(
            f"--tls-key: {files.key} is encrypted, and there is nobody to ask for its password: "
            f"decrypt it with `openssl pkey -in {files.key} -out NEW`"
        )

    # Whether it is a certificate at all: the call below says the same of all that is wrong with either file.
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), files.cert, "--tls-cert")
    try:
        context.load_cert_chain(files.cert, files.key, no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SettingsError(
                f"--tls-key: {files.key} is not the key of the first certificate in {files.cert}"
            ) from error
        raise SettingsError(
            f"--tls-key: {files.key} holds no private key in PEM form ({error.reason or error})"
        ) from error


def _shake_hands(files: TlsFiles) -> None:
    """Connects to ourselves in memory, as a client that trusts this very certificate.

    The engine of TLS then finds what every client would: too old, too young, not for servers.
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_chain(server_context, files)
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False  # by which name clients come is theirs to know
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _trust(client_context, files.cert, "--tls-cert")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    try:
        # Each takes its turn until both are done: what one waits for the other has written, else it raises.
        while not all([_step(client), _step(server)]):
            pass
    except ssl.SSLCertVerificationError as error:
        raise SettingsError(f"--tls-cert: clients will refuse {files.cert}: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise SettingsError(
            f"--tls-cert: no connection can be made with {files.cert}: {error.reason or error}"
        ) from error


def _step(side: ssl.SSLObject) -> bool:
    """Whether this side of a handshake is done."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True

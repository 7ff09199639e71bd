"""TLS and mutual TLS on both ports of a real server: who gets in, what is refused at the start, and renewal."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx
import pytest
from certificates import CLIENT, DAY, Authority, Pair
from harness import EXPORT, PATIENCE_SECONDS, ServerProcess, clean_environment, serve_command
from otlp_requests import request
from token_files import bearer, tokens_of_each_role

from spanhouse_backend.access.tls import load_certificates
from spanhouse_backend.errors import SettingsError
from spanhouse_backend.settings import TlsFiles

GOOD = request("tls", [1000]).SerializeToString()


class Client(NamedTuple):
    """A sender that trusts `authority` and shows `pair`."""

    authority: Authority
    pair: Pair | None = None

    def get(self, server: ServerProcess, path: str = "/api/v1/functions", **headers: str) -> int | None:
        """The status of a GET; None when no connection comes about."""
        context = self.authority.client_context(self.pair)
        try:
            with httpx.Client(verify=context) as client:
                return client.get(f"https://{server.http}{path}", headers=headers, timeout=PATIENCE_SECONDS).status_code
        except httpx.TransportError:
            return None

    def export(self, server: ServerProcess, *metadata: tuple[str, str]) -> grpc.StatusCode:
        key, cert = (self.pair.key.read_bytes(), self.pair.cert.read_bytes()) if self.pair else (None, None)
        credentials = grpc.ssl_channel_credentials(self.authority.ca.read_bytes(), key, cert)
        with grpc.secure_channel(server.grpc, credentials) as channel:
            call = channel.unary_unary(EXPORT).future(GOOD, timeout=PATIENCE_SECONDS, metadata=metadata)
            return call.code()

    def is_let_in(self, server: ServerProcess) -> bool:
        """Whether both doors let it in; it is never only one."""
        rest, otlp = self.get(server), self.export(server)
        assert (rest, otlp) in ((200, grpc.StatusCode.OK), (None, grpc.StatusCode.UNAVAILABLE))
        return rest == 200


def tls_options(pair: Pair, client_ca: Path | None = None) -> list[str]:
    options = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]
    return [*options, "--tls-client-ca", str(client_ca)] if client_ca else options


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def other(tmp_path) -> Authority:
    return Authority(tmp_path, "other")


@pytest.fixture
def certificate(authority) -> Iterator[Pair]:
    return authority.issue("server")


def test_both_doors_speak_tls_and_nothing_else(tmp_path, authority, other, certificate):
    """Addresses are printed and written as ever; a client that does not trust the certificate stays away by itself."""
    with ServerProcess(tmp_path / "data", *tls_options(certificate)) as server:
        assert server.grpc.startswith("127.0.0.1:")
        assert f"https://{server.http}" in server.log.read_text()
        assert Client(authority).is_let_in(server)
        assert not Client(other).is_let_in(server)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{server.http}/healthz")
        assert server.export(GOOD) == [grpc.StatusCode.UNAVAILABLE]
        assert Client(authority).is_let_in(server)
        assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def test_with_a_client_authority_only_its_clients_get_in(tmp_path, authority, other, certificate):
    """Probes included: whoever has no certificate has no connection."""
    known, stranger = other.issue("known", CLIENT), authority.issue("stranger", CLIENT)
    expired = other.issue("expired", CLIENT, begins=-2 * DAY, ends=-DAY)
    for_servers = other.issue("for-servers")
    with ServerProcess(tmp_path / "data", *tls_options(certificate, other.ca)) as server:
        assert Client(authority, known).is_let_in(server)
        for pair in (None, stranger, expired, for_servers):
            assert not Client(authority, pair).is_let_in(server)
        assert Client(authority).get(server, "/healthz") is None


def test_tokens_are_asked_for_inside_tls(tmp_path, authority, certificate):
    """A client's certificate and a token are two questions: both have to be answered."""
    tokens = tokens_of_each_role(tmp_path / "tokens")
    known = Client(authority, authority.issue("known", CLIENT))
    options = [*tls_options(certificate, authority.ca), "--tokens", str(tmp_path / "tokens")]
    with ServerProcess(tmp_path / "data", *options) as server:
        assert known.get(server) == 401
        assert known.get(server, **bearer(tokens["read"])) == 200
        assert known.export(server) is grpc.StatusCode.UNAUTHENTICATED
        assert known.export(server, ("authorization", f"Bearer {tokens['write']}")) is grpc.StatusCode.OK
        assert Client(authority).get(server, **bearer(tokens["read"])) is None


def test_renewed_files_are_taken_without_a_restart(tmp_path, authority, other, certificate):
    """Another authority's certificate, and another authority for clients; a renewal gone wrong changes nothing."""
    clients = tmp_path / "clients.pem"
    clients.write_bytes(authority.ca.read_bytes())
    before = Client(authority, authority.issue("before", CLIENT))
    after = Client(other, other.issue("after", CLIENT))
    with ServerProcess(tmp_path / "data", *tls_options(certificate, clients)) as server:
        assert before.is_let_in(server)
        certificate.cert.write_bytes(b"no certificate")
        wait_until(lambda: f"--tls-cert: {certificate.cert} holds no certificate" in server.log.read_text())
        assert before.is_let_in(server)

        certificate.replace_by(other.issue("renewed"))
        clients.write_bytes(other.ca.read_bytes())
        wait_until(lambda: after.get(server) == 200)
        assert after.is_let_in(server)
        assert not before.is_let_in(server)
        # Whom the new certificate convinces, but who is not of the new authority.
        assert not Client(other, before.pair).is_let_in(server)
        assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def refusal(*options: str, directory: Path) -> str:
    command = serve_command(directory, *options)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=clean_environment(), check=False
    )
    assert done.returncode == 2
    assert not directory.exists()
    return done.stderr


def test_a_certificate_that_cannot_be_used_ends_the_start(tmp_path, authority):
    """Before anything is opened, with the option's name."""
    expired = authority.issue("expired", begins=-2 * DAY, ends=-DAY)
    complaint = refusal(*tls_options(expired), directory=tmp_path / "data")
    assert f"--tls-cert: clients will refuse {expired.cert}: certificate has expired" in complaint
    complaint = refusal("--tls-client-ca", str(authority.ca), directory=tmp_path / "data")
    assert "--tls-client-ca: without --tls-cert there is no TLS" in complaint


def made(tmp_path: Path, authority: Authority, what: str) -> TlsFiles:
    """The files of a server, one of them as `what` says."""
    good, nothing, text = authority.issue("good"), tmp_path / "nothing", tmp_path / "text"
    text.write_text("text")
    files = {
        "cert missing": good._replace(cert=nothing),
        "cert is text": good._replace(cert=text),
        "cert is the key": good._replace(cert=good.key),
        "cert expired": authority.issue("old", begins=-2 * DAY, ends=-DAY),
        "cert of tomorrow": authority.issue("young", begins=DAY, ends=2 * DAY),
        "cert of a client": authority.issue("client", CLIENT),
        "key missing": good._replace(key=nothing),
        "key is text": good._replace(key=text),
        "key is the cert": good._replace(key=good.cert),
        "key of another": good._replace(key=authority.issue("another").key),
        "key encrypted": authority.issue("locked", password=b"secret"),
        "ca missing": good,
        "ca is text": good,
    }[what]
    client_ca = {"ca missing": nothing, "ca is text": text}.get(what)
    return TlsFiles(files.cert, files.key, client_ca)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("cert missing", "--tls-cert: cannot read .*nothing: No such file"),
        ("cert is text", "--tls-cert: .*text holds no certificate"),
        ("cert is the key", "--tls-cert: .*good.key holds no certificate"),
        ("cert expired", "--tls-cert: clients will refuse .*old.pem: certificate has expired"),
        ("cert of tomorrow", "--tls-cert: clients will refuse .*young.pem: certificate is not yet valid"),
        ("cert of a client", "--tls-cert: clients will refuse .*client.pem: unsuitable certificate purpose"),
        ("key missing", "--tls-key: cannot read .*nothing: No such file"),
        ("key is text", "--tls-key: .*text holds no private key"),
        ("key is the cert", "--tls-key: .*good.pem holds no private key"),
        ("key of another", "--tls-key: .*another.key is not the key of the first certificate in .*good.pem"),
        ("key encrypted", "--tls-key: .*locked.key is encrypted.*openssl pkey -in"),
        ("ca missing", "--tls-client-ca: cannot read .*nothing: No such file"),
        ("ca is text", "--tls-client-ca: .*text holds no certificate"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_option(tmp_path, authority, what, complaint):
    with pytest.raises(SettingsError, match=f"^{complaint}"):
        load_certificates(made(tmp_path, authority, what))


def test_a_certificate_that_signed_itself_will_do(tmp_path):
    """As `openssl req -x509` makes it for a first try."""
    pair = Pair(tmp_path / "self.pem", tmp_path / "self.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-out", str(pair.cert), "-keyout", str(pair.key)], check=True, capture_output=True)
    load_certificates(TlsFiles(*pair, None))


def test_a_key_that_others_can_read_is_warned_of(tmp_path, authority, certificate):
    certificate.key.chmod(0o644)
    with ServerProcess(tmp_path / "data", *tls_options(certificate)) as server:
        assert f"--tls-key: others can read or change {certificate.key} (mode 0644)" in server.log.read_text()
        assert Client(authority).get(server) == 200


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""Settings: every option of the table is read, and a bad value is refused by its name."""

from pathlib import Path

import pytest

from spanhouse_backend.errors import SettingsError
from spanhouse_backend.listen import require_loopback
from spanhouse_backend.serve_settings import MIB
from spanhouse_backend.settings import Address, default_data_directory, read_settings


def test_defaults_are_loopback_and_the_users_data_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = read_settings({})
    assert settings.data == tmp_path / "spanhouse"
    assert (str(settings.grpc), str(settings.http)) == ("127.0.0.1:4317", "127.0.0.1:4318")
    assert settings.ready_file is None
    assert settings.max_request_bytes == 64 * MIB


def test_without_xdg_data_home_the_data_is_below_home(monkeypatch):
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_data_directory() == Path.home() / ".local" / "share" / "spanhouse"


def test_what_is_given_wins():
    given = {"data": "/d", "grpc": "[::1]:0", "http": "localhost:8", "ready-file": "/r", "max-group-bytes": "7"}
    settings = read_settings(given)
    assert settings.data == Path("/d")
    assert settings.grpc == Address("::1", 0)
    assert str(settings.grpc) == "[::1]:0"
    assert settings.http == Address("localhost", 8)
    assert settings.ready_file == Path("/r")
    assert settings.max_group_bytes == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("grpc", "4317"),
        ("grpc", ":4317"),
        ("http", "127.0.0.1:"),
        ("http", "127.0.0.1:65536"),
        ("http", "127.0.0.1:-1"),
        ("max-request-bytes", "0"),
        ("max-group-bytes", "-5"),
        ("max-waiting-bytes", "many"),
        ("max-waiting-bytes", "1000"),
        ("cors-origins", "example.org"),
        ("cors-origins", "https://example.org/page"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name, value):
    with pytest.raises(SettingsError, match=f"^--{name}: .*{value}"):
        read_settings({name: value})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_loopback_is_allowed(host):
    require_loopback(Address(host, 1), "--grpc")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_an_address_that_others_can_reach_is_refused(host):
    with pytest.raises(SettingsError, match="--insecure-listen"):
        require_loopback(Address(host, 1), "--grpc")


@pytest.mark.parametrize(
    ("given", "missing"),
    [("tls-cert", "tls-key"), ("tls-key", "tls-cert"), ("tls-client-ca", "tls-cert")],
)
def test_half_of_what_tls_needs_is_refused(given, missing):
    """Rather than to serve plain text to somebody who asked for TLS."""
    with pytest.raises(SettingsError, match=f"^--{given}: without --{missing} there is no TLS"):
        read_settings({given: "file.pem"})


def test_origins_are_a_list():
    given = read_settings({"cors-origins": " https://a.example, http://localhost:*/ ,,*"})
    assert given.cors_origins == ("https://a.example", "http://localhost:*", "*")
    assert read_settings({}).cors_origins == ()


CLICKHOUSE = "https://otel:in%2Furl@clickhouse.example.org/spans"


def test_a_clickhouse_server_takes_the_place_of_the_data_directory(tmp_path):
    """What the URL leaves out has defaults; there is no port for ClickHouse's clients beside its own."""
    read = read_settings({"clickhouse": CLICKHOUSE, "clickhouse-timeout": "2m", "cluster": "production"})
    assert read.clickhouse is not None
    assert (read.clickhouse.scheme, read.clickhouse.host, read.clickhouse.port) == (
        "https",
        "clickhouse.example.org",
        8443,
    )
    assert (read.clickhouse.user, read.clickhouse.password) == ("otel", "in/url")
    assert (read.clickhouse.database, read.clickhouse.timeout_seconds) == ("spans", 120)
    assert read.clickhouse_http is None
    least = read_settings({"clickhouse": "http://localhost"}).clickhouse
    assert str(least) == "http://default@localhost:8123/spanhouse"


def test_a_password_comes_from_the_option_or_a_file_and_is_never_shown(tmp_path):
    (tmp_path / "password").write_text("from file\nanother line\n")
    file = {"clickhouse-password-file": str(tmp_path / "password")}
    for given, expected in (({}, "in/url"), ({"clickhouse-password": "given"}, "given"), (file, "from file")):
        read = read_settings({"clickhouse": CLICKHOUSE, **given}).clickhouse
        assert read is not None
        assert read.password == expected
        assert all(expected not in shown for shown in (str(read), repr(read)))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"clickhouse": "clickhouse:secret@host"}, "--clickhouse: not a URL such as"),
        ({"clickhouse": "tcp://u:secret@host:9000"}, "--clickhouse: not a URL such as"),
        ({"clickhouse": "http://u:secret@host:99999"}, "--clickhouse: the port is no number"),
        ({"clickhouse": "http://u:secret@host/a/b"}, "--clickhouse: after the host comes the name of one database"),
        ({"clickhouse": "http://u:secret@host/a?verify=0"}, "--clickhouse: the URL ends with the database's name"),
        (
            {"clickhouse": "http://host", "clickhouse-password-file": "/nowhere"},
            "--clickhouse-password-file: cannot read",
        ),
        ({"clickhouse": "http://host", "clickhouse-timeout": "0"}, "--clickhouse-timeout: 0 is not a time"),
        ({"clickhouse": "http://host", "cluster": "pro'd"}, "--cluster: on a cluster, .* is not a name"),
        ({"clickhouse": "http://host/my-db", "cluster": "prod"}, "--clickhouse: on a cluster, 'my-db' is not a name"),
        ({"cluster": "prod"}, "--cluster: without --clickhouse there is no server"),
    ],
)
def test_what_makes_no_sense_of_a_clickhouse_server_is_refused_by_name(given, problem):
    """And without repeating what may be a password."""
    with pytest.raises(SettingsError, match=problem) as raised:
        read_settings(given)
    assert "secret" not in str(raised.value)

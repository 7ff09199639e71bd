"""`spanhouse token`: what it prints where, and that it keeps no secret."""

import json

import pytest
from click.testing import CliRunner

from spanhouse_backend.cli import cli


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tokens"


def run(*arguments, **environment):
    return CliRunner().invoke(cli, ("token", *map(str, arguments)), env=environment, prog_name="spanhouse")


def test_add_prints_the_token_alone_on_standard_output(path):
    """So that `spanhouse token add ... > file` keeps it and shows it to nobody."""
    done = run("add", "grafana", "--role", "read", "--role", "sql", "--file", path)
    assert (done.exit_code, done.stdout.count("\n")) == (0, 1)
    assert done.stdout.startswith("sh_grafana_")
    assert done.stdout.strip() not in done.stderr
    assert done.stdout.strip() not in path.read_text()
    assert path.read_text().startswith("grafana read,sql sha256:")


def test_list_shows_names_roles_and_namespaces(path):
    run("add", "b", "--role", "sql", "--role", "write", "--file", path)
    run("add", "a", "--role", "admin", "--namespace", "lab", "--file", path)
    table = run("list", SPANHOUSE_TOKENS=str(path))
    assert [line.split() for line in table.stdout.splitlines()] == [
        ["name", "roles", "namespace"],
        ["b", "write,", "sql"],
        ["a", "admin", "lab"],
    ]
    shown = json.loads(run("list", "--file", path, "--format", "json").stdout)
    assert shown == {
        "tokens": [
            {"name": "b", "roles": ["write", "sql"], "namespace": ""},
            {"name": "a", "roles": ["admin"], "namespace": "lab"},
        ]
    }
    listed = run("list", "--file", path, "--format", "csv").stdout
    assert listed == 'name,roles,namespace\nb,"write,sql",\na,admin,lab\n'


def test_remove_takes_one_out(path):
    run("add", "a", "--role", "read", "--file", path)
    run("add", "b", "--role", "read", "--file", path)
    done = run("remove", "a", "--file", path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert [line.split()[0] for line in path.read_text().splitlines()] == ["b"]
    run("remove", "b", "--file", path)
    assert "has no tokens: make one with" in run("list", "--file", path).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("add", "a"), 2, "Missing option '--role'"),
        (("add", "a", "--role", "king"), 2, "'king' is not one of 'write', 'read', 'sql', 'admin'"),
        (("add", "a", "--role", "read", "--namespace", "La"), 1, "--namespace: 'La' is not a namespace"),
        (("add", "a_b", "--role", "read"), 1, "NAME: 'a_b' is not a name for a token"),
        (("remove", "a"), 1, "--file: there is no"),
        (("list",), 1, "--file: there is no"),
    ],
)
def test_a_mistake_is_named(path, arguments, code, complaint):
    done = run(*arguments, "--file", path)
    assert (done.exit_code, done.stdout) == (code, "")
    assert complaint in done.stderr


def test_a_file_has_to_be_named():
    done = run("list", SPANHOUSE_TOKENS=None)
    assert done.exit_code == 2
    assert "--file" in done.stderr


@pytest.mark.parametrize("arguments", [("--help",), ("add", "--help"), ("list", "--help"), ("remove", "--help")])
def test_help_has_examples(arguments):
    assert "\n  Examples:\n    spanhouse token " in run(*arguments).stdout

"""Ways to run the command line."""

import pytest
from click.testing import CliRunner

from spanhouse_backend.cli import cli


@pytest.fixture(scope="session")
def spanhouse():
    """Runs one command in this process, without the environment's server."""

    def run(*arguments, input=None, **environment):  # noqa: A002 - click's name for it
        return CliRunner().invoke(
            cli, arguments, input=input, env={"SPANHOUSE_SERVER": None, **environment}, prog_name="spanhouse"
        )

    return run


@pytest.fixture
def ask(house, spanhouse):
    """Runs one command against the house; it has to succeed."""

    def run(*arguments):
        shown = spanhouse(*arguments, "--server", house.grpc)
        assert shown.exit_code == 0, shown.output
        assert shown.stderr == ""
        return shown.stdout

    return run

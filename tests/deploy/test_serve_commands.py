"""Every place in deploy/ that starts the server gives it options and variables that it has, with values it takes."""

import re
import xml.etree.ElementTree as ET

import deploy_files
import pytest
from deploy_files import DEPLOY, OUR_IMAGE, Serve, dockerfile, serve_commands

from spanhouse_backend.cli.serve import serve
from spanhouse_backend.listen import require_protected
from spanhouse_backend.serve_settings import SERVE_SETTINGS
from spanhouse_backend.settings import read_settings

COMMANDS = list(serve_commands())
VARIABLES = {setting.environment for setting in SERVE_SETTINGS}
LISTENERS = [setting for setting in SERVE_SETTINGS if setting.metavar.startswith("HOST:PORT")]
PORTS = {setting.name: setting.default.rpartition(":")[2] for setting in LISTENERS}


def test_all_ways_to_deploy_are_looked_at():
    """One image, three compose files with four servers, two objects of Kubernetes, one unit."""
    assert len(COMMANDS) == 1 + 4 + 2 + 1


@pytest.mark.parametrize("command", COMMANDS, ids=[command.where for command in COMMANDS])
def test_the_server_would_start_with_these(command: Serve, monkeypatch):
    """Options and variables are read as the command line reads them; nothing listens unprotected by accident."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in command.environment.items():
        if name.startswith("SPANHOUSE_"):
            assert name in VARIABLES, f"{name} is not a variable of the server"
            monkeypatch.setenv(name, value)
    values = serve.make_context("serve", list(command.arguments)).params
    insecure = values.pop("insecure_listen")
    settings = read_settings({name.replace("_", "-"): value or "" for name, value in values.items()})
    # The image alone has to be told who may come in; a unit stays on this machine.
    if not insecure and command.where != "Dockerfile":
        require_protected(settings)


def test_the_image_listens_on_the_ports_that_everything_else_names():
    """EXPOSE, the addresses inside, what compose publishes, and what Kubernetes calls ports by name."""
    environment = dockerfile().environment()
    assert {environment[f"SPANHOUSE_{name.upper().replace('-', '_')}"] for name in PORTS} == {
        f"0.0.0.0:{port}" for port in PORTS.values()
    }
    exposed = set(dockerfile().all("EXPOSE")[0].split())
    assert exposed == set(PORTS.values())
    for path in deploy_files.COMPOSE_FILES:
        for service in deploy_files.compose_services(path).values():
            published = [port.split(":") for port in service.get("ports", [])]
            # Beyond this machine only on purpose.
            assert all(address == "127.0.0.1" for address, _, _ in published)
            if service["image"] == OUR_IMAGE:
                assert {inside for _, _, inside in published} == exposed - {PORTS["clickhouse-http"]}
    for path in deploy_files.KUBERNETES_FILES:
        for document in deploy_files.documents(path):
            for container in deploy_files.containers(document):
                assert {str(port["containerPort"]) for port in container["ports"]} <= exposed


def test_passwords_and_tokens_come_from_outside():
    """No file of deploy/ has a secret in it: only variables, names of secrets, and files that are not here."""
    named = re.compile(r"(?i)^\s*-?\s*\"?\w*(password|(?<!ServiceAccount)token|secret)\"?\s*[:=]\s*(?P<value>\S.*)$")
    seen = 0
    for path in DEPLOY.glob("**/*"):
        if path.is_file() and path.suffix in {".yaml", ".service"}:
            for line in path.read_text(encoding="utf-8").splitlines():
                if found := named.match(line):
                    assert re.match(r"\$\{\w+(:[-?][^}]*)?\}$", found["value"]), f"{path.name}: {line}"
                    seen += 1
        if path.suffix == ".xml":
            for element in ET.parse(path).iter():
                if element.tag in {"password", "secret"}:
                    assert (element.text, list(element.attrib)) == (None, ["from_env"]), path.name
                    seen += 1
    assert seen > 10

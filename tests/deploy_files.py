"""What the files of deploy/ say, each read as what it is: services, containers, each `spanhouse serve` in them."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE_FILES = sorted(DEPLOY.glob("compose*.yaml"))
KUBERNETES_FILES = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*/*.yaml") if path.name != "kustomization.yaml"
)
CLICKHOUSE_FILES = sorted((DEPLOY / "clickhouse").glob("**/*.xml"))
OUR_IMAGE = "spanhouse"


def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a YAML file, with anchors and merged keys resolved."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def compose_services(path: Path) -> dict[str, dict[str, Any]]:
    """The services of a compose file, by name."""
    (document,) = documents(path)
    return document["services"]


class Dockerfile(NamedTuple):
    """The instructions of deploy/Dockerfile, in order, as (name, arguments)."""

    instructions: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """The arguments of every instruction of that name."""
        return [arguments for found, arguments in self.instructions if found == name]

    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(pair.split("=", 1) for line in self.all("ENV") for pair in shlex.split(line))


def dockerfile() -> Dockerfile:
    """deploy/Dockerfile, its continued lines joined and its comments left out."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return Dockerfile([tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line])  # type: ignore[misc]


def unit() -> dict[str, list[str]]:
    """What the systemd unit sets, each name with all its values."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "spanhouse.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


class Serve(NamedTuple):
    """One place that starts the server: its arguments behind `spanhouse serve`, and the variables it is given."""

    where: str
    arguments: list[str]
    environment: Mapping[str, str]


def serve_commands() -> Iterator[Serve]:
    """Every place in deploy/ that starts the server. Containers have the image's variables, and those set on top."""
    image = dockerfile().environment()
    yield Serve("Dockerfile", _behind_serve(json.loads(dockerfile().all("CMD")[-1])), image)
    for path in COMPOSE_FILES:
        for name, service in compose_services(path).items():
            if service["image"] == OUR_IMAGE:
                environment = {**image, **service.get("environment", {})}
                yield Serve(f"{path.name}: {name}", _behind_serve(service["command"]), environment)
    for path in KUBERNETES_FILES:
        for document in documents(path):
            for container in containers(document):
                set_here = {one["name"]: one.get("value", "a secret") for one in container.get("env", [])}
                yield Serve(f"{path.parent.name}/{path.name}", _behind_serve(container["args"]), {**image, **set_here})
    environment = dict(pair.split("=", 1) for line in unit()["Environment"] for pair in shlex.split(line))
    yield Serve("spanhouse.service", _behind_serve(shlex.split(unit()["ExecStart"][0])[1:]), environment)


def containers(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers of a Kubernetes object that has a template of pods."""
    return document.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])


def _behind_serve(arguments: list[str]) -> list[str]:
    assert arguments[0] == "serve", arguments
    return arguments[1:]

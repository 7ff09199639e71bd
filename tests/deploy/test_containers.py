"""The image and the compose files: valid by the specification, built of what there is, and careful by default."""

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from deploy_files import COMPOSE_FILES, DEPLOY, OUR_IMAGE, ROOT, compose_services, dockerfile, documents
from harness import ServerProcess

from spanhouse_backend.store.server_checks import OLDEST_VERSION

FILES = pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_compose_files_are_valid():
    """By the compose specification's own schema."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, *map(str, COMPOSE_FILES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    # A check that passes whatever it is given would be none.
    wrong = "services: {a: {imag: b}}"
    broken = subprocess.run([*command, "-"], input=wrong, capture_output=True, text=True, check=False)
    assert broken.returncode == 1, broken.stdout


@FILES
def test_what_is_mounted_is_there_and_volumes_are_declared(path: Path):
    """Bind mounts are files of this repository, read-only; everything else is a volume that the file declares."""
    (document,) = documents(path)
    mounted = set()
    for service in compose_services(path).values():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            if source.startswith("."):
                assert (path.parent / source).exists(), volume
                assert rest.endswith(":ro"), volume
            else:
                mounted.add(source)
    assert mounted == document["volumes"].keys()


@FILES
def test_services_wait_for_others_that_can_say_they_are_well(path: Path):
    """Whoever is waited for until it is healthy has a check, in the file or in its image."""
    services = compose_services(path)
    for service in services.values():
        for name, how in _waits_for(service).items():
            if how == "service_healthy":
                assert "healthcheck" in services[name] or services[name]["image"] == OUR_IMAGE, name


def _waits_for(service: dict) -> dict[str, str]:
    waits = service.get("depends_on", {})
    return dict.fromkeys(waits, "") if isinstance(waits, list) else {n: how["condition"] for n, how in waits.items()}


@FILES
def test_our_containers_can_do_little(path: Path):
    """No capabilities, no new privileges, a root that is not written to, a bound on memory, and time to stop."""
    ours = [service for service in compose_services(path).values() if service["image"] == OUR_IMAGE]
    assert ours
    for service in ours:
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["stop_grace_period"]
        assert service["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}


def test_images_are_pinned_and_the_same_everywhere():
    """By a tag that is not "latest"; one version of each, so that an upgrade is one search."""
    versions: dict[str, set[str]] = {}
    for path in COMPOSE_FILES:
        for service in compose_services(path).values():
            image, _, tag = service["image"].partition(":")
            versions.setdefault(image, set()).add(tag)
    assert versions.pop(OUR_IMAGE) == {""}
    for image, tags in versions.items():
        assert len(tags) == 1, (image, tags)
        assert re.fullmatch(r"\d+\.\d+(\.\d+)?", *tags), (image, tags)
    (clickhouse,) = versions["clickhouse/clickhouse-server"]
    assert versions["clickhouse/clickhouse-keeper"] == {clickhouse}
    assert tuple(map(int, clickhouse.split("."))) >= tuple(map(int, OLDEST_VERSION.split(".")))
    plugins = {
        service["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
        for path in COMPOSE_FILES
        for name, service in compose_services(path).items()
        if name == "grafana"
    }
    assert len(plugins) == 1
    assert re.fullmatch(r"grafana-clickhouse-datasource@4\.(2\d|[3-9]\d)\.\d+", *plugins)


def test_the_image_is_built_of_what_there_is():
    """Every source of a COPY exists, is let through to the build, and all that the wheel is made of is copied."""
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").split("\n")
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = set()
    for line in dockerfile().all("COPY"):
        if not line.startswith("--from"):
            *sources, _target = line.split()
            copied.update(sources)
    assert all((ROOT / source).exists() for source in copied)
    assert copied == allowed
    needed = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml", "constraints.txt"}
    needed |= {package.split("/")[0] for package in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert copied == needed


def test_the_image_runs_as_nobody_in_particular_on_a_tested_python():
    """A fixed number that is not root, in both stages the same pinned base, and an extra that there is."""
    bases = {line.split()[0] for line in dockerfile().all("FROM")}
    (base,) = bases
    assert fnmatch.fnmatch(base, f"python:{sys.version_info.major}.{sys.version_info.minor}-slim-*")
    user, group = dockerfile().all("USER")[-1].split(":")
    assert int(user) > 0
    assert int(group) > 0
    (install,) = (line for line in dockerfile().all("RUN") if "pip install" in line)
    assert re.search(r"-c constraints\.txt '\.\[(\w+)\]'$", install)[1] in PROJECT["project"]["optional-dependencies"]
    assert dockerfile().all("STOPSIGNAL") == ["SIGTERM"]


def test_the_health_check_tells_a_server_from_none(tmp_path):
    """The command of HEALTHCHECK itself, asked of a server that runs, and again when it has stopped.

    On an address that no other test uses: its port is nobody else's when the server has stopped.
    """
    command = json.loads(dockerfile().all("HEALTHCHECK")[0].partition("CMD ")[2])
    assert command[0] == "python"
    assert "127.0.0.1:4318/" in command[2]

    def healthy() -> bool:
        check = [sys.executable, *command[1:-1], command[-1].replace("127.0.0.1:4318", server.http)]
        return subprocess.run(check, capture_output=True, check=False).returncode == 0

    with ServerProcess(tmp_path / "data", "--http", "127.0.0.18:0") as server:
        assert healthy()
        assert server.stop() == 0
        assert not healthy()


def test_grafana_is_given_what_its_configuration_asks_for():
    """Each variable in a data source's file is in the environment of the Grafana that mounts it."""
    (provider,) = documents(DEPLOY / "grafana" / "provisioning" / "dashboards" / "spanhouse.yaml")
    (dashboards,) = (one["options"]["path"] for one in provider["providers"])
    mounted = set()
    for path in COMPOSE_FILES:
        grafana = compose_services(path)["grafana"]
        targets = {volume.split(":")[1]: volume.split(":")[0] for volume in grafana["volumes"]}
        assert targets[dashboards] == "./grafana/dashboards"
        source = path.parent / targets["/etc/grafana/provisioning/datasources/spanhouse.yaml"]
        asked = set(re.findall(r"\$\{(\w+)\}", source.read_text(encoding="utf-8")))
        assert asked <= grafana["environment"].keys()
        mounted.add(source.name)
    assert mounted == {path.name for path in (DEPLOY / "grafana" / "provisioning" / "datasources").iterdir()}


# The fields that the plugin's settings schema has (grafana/clickhouse-datasource, pkg/schema, version 4.20).
JSON_DATA = {"host", "port", "protocol", "secure", "username", "defaultDatabase", "defaultTable", "queryTimeout"}
TRACES = {"defaultDatabase", "defaultTable", "otelEnabled", "otelVersion", "durationUnit", "showTraceLinks"}
LOGS = {"defaultDatabase", "defaultTable", "otelEnabled", "otelVersion", "showLogLinks"}


def test_data_sources_have_fields_that_the_plugin_knows():
    """OTel mode over HTTP, with the password where Grafana keeps it encrypted."""
    for path in (DEPLOY / "grafana" / "provisioning" / "datasources").iterdir():
        (document,) = documents(path)
        (source,) = document["datasources"]
        assert source["type"] == "grafana-clickhouse-datasource"
        data = source["jsonData"]
        assert data.keys() == JSON_DATA | {"traces", "logs"}
        assert (data["traces"].keys(), data["logs"].keys()) == (TRACES, LOGS)
        assert (data["protocol"], data["port"]) == ("http", 8123)
        assert data["traces"]["otelEnabled"]
        assert data["logs"]["otelEnabled"]
        assert source["secureJsonData"].keys() == {"password"}


def test_yaml_merges_mean_what_they_look_like():
    """What the cluster's services share is in each of them, so that the checks above saw all of it."""
    services = yaml.safe_load((DEPLOY / "compose.cluster.yaml").read_text(encoding="utf-8"))["services"]
    for shard in "12":
        for replica in "12":
            environment = services[f"clickhouse-{shard}-{replica}"]["environment"]
            assert environment["CLICKHOUSE_SHARD"] == shard
            assert environment["CLICKHOUSE_REPLICA"] == f"clickhouse-{shard}-{replica}"
            assert "CLICKHOUSE_CLUSTER_SECRET" in environment
    assert {services[f"keeper-{number}"]["environment"]["KEEPER_SERVER_ID"] for number in (1, 2, 3)} == {"1", "2", "3"}

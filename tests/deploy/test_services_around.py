"""What runs beside or under the server: systemd, Prometheus, an OpenTelemetry Collector, ClickHouse and its Keepers."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from deploy_files import CLICKHOUSE_FILES, COMPOSE_FILES, DEPLOY, compose_services, documents, unit
from harness import ServerProcess
from otlp_requests import request
from prometheus_client.parser import text_string_to_metric_families

from spanhouse_backend.store import server_checks


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_finds_little_to_say(tmp_path):
    """Every directive is one, and systemd's own score of exposure (0 none, 10 all) stays where it is."""
    path = tmp_path / "spanhouse.service"
    text = (DEPLOY / "spanhouse.service").read_text(encoding="utf-8")
    path.write_text(text.replace("/opt/spanhouse/bin/spanhouse", sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(path.read_text(encoding="utf-8").replace("ProtectHome=", "ProtectHouse="), encoding="utf-8")
    broken = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert "ProtectHouse" in broken.stderr
    command = ["systemd-analyze", "security", "--offline=true", str(DEPLOY / "spanhouse.service")]
    scored = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert float(re.search(r"exposure level for spanhouse\.service: ([\d.]+)", scored)[1]) <= 1.5, scored


def test_the_unit_writes_where_systemd_makes_room():
    """The data directory is the state directory, and nothing else has to be written to."""
    assert f"SPANHOUSE_DATA=/var/lib/{unit()['StateDirectory'][0]}" in unit()["Environment"][0]
    assert unit()["ProtectSystem"] == ["strict"]


def test_alerts_ask_for_metrics_and_labels_that_there_are(tmp_path):
    """Each name in an expression is one that /metrics of a real server has, with the labels that it is asked for."""
    with ServerProcess(tmp_path / "data") as server:
        wrong = request("alerts", [1000])
        wrong.resource_spans[0].scope_spans[0].spans[0].trace_id = b""
        server.export(request("alerts", [1000]).SerializeToString(), wrong.SerializeToString())
        server.get("/api/v1/functions")
        families = list(text_string_to_metric_families(server.get("/metrics").text))
    # An error of the engine cannot be had for the asking: of a family without samples only the name is known.
    labels: dict[str, set[str]] = {name: {"instance", "job"} for family in families for name in _names(family)}
    for family in families:
        for sample in family.samples:
            labels[sample.name] = {*labels[sample.name], *sample.labels}
    (document,) = documents(DEPLOY / "prometheus-alerts.yaml")
    rules = [rule for group in document["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        asked = set(re.findall(r"\bspanhouse_\w+", rule["expr"]))
        assert asked <= labels.keys(), rule
        by = {label.strip() for found in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in found.split(",")}
        matched = set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", rule["expr"]))
        known = {label for name in asked for label in labels[name]} | {"instance", "job"}
        assert by | matched <= known | {"code"}, rule
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    operations = (DEPLOY.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    assert all(rule["alert"] in operations for rule in rules)


def _names(family) -> set[str]:
    return {family.name, f"{family.name}_total", *(sample.name for sample in family.samples)}


def test_prometheus_reads_the_port_that_has_metrics():
    (document,) = documents(DEPLOY / "prometheus.yaml")
    (job,) = document["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:4318"]}]
    assert document["rule_files"] == ["prometheus-alerts.yaml"]


def test_the_collector_uses_what_it_defines():
    """Each component of a pipeline is configured, each that is configured is used, and what fails is kept.

    Nothing batches: what a killed Collector sends again would be other requests, which are stored twice.
    """
    (document,) = documents(DEPLOY / "otel-collector.yaml")
    service = document["service"]
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in service["pipelines"].values() for name in pipeline[kind]}
        assert used == document[kind].keys()
    assert set(service["extensions"]) == document["extensions"].keys()
    exporter = document["exporters"]["otlp"]
    assert exporter["sending_queue"]["storage"] in document["extensions"]
    assert "batch" not in {*document["processors"], *exporter["sending_queue"]}
    assert exporter["retry_on_failure"] == {
        "enabled": True,
        "initial_interval": "1s",
        "max_interval": "30s",
        "max_elapsed_time": "0s",
    }
    assert exporter["headers"] == {"authorization": "Bearer ${env:SPANHOUSE_TOKEN}"}


@pytest.mark.parametrize("path", CLICKHOUSE_FILES, ids=lambda path: path.name)
def test_clickhouse_is_given_the_variables_that_its_configuration_reads(path):
    """The XML is well formed, and every `from_env` is in the environment of each container that mounts the file."""
    root = ET.parse(path).getroot()
    assert root.tag == "clickhouse"
    asked = {element.attrib["from_env"] for element in root.iter() if "from_env" in element.attrib}
    mounting = [
        service
        for compose in COMPOSE_FILES
        for service in compose_services(compose).values()
        if any(f"/{path.parent.name}/{path.name}:" in volume for volume in service.get("volumes", []))
    ]
    assert mounting, "nobody mounts it"
    assert all(asked <= service["environment"].keys() for service in mounting)


def test_the_cluster_is_made_of_the_services_that_there_are():
    """Every host of remote_servers, of the Keepers' list and of their own configuration is a service of the file."""
    services = compose_services(DEPLOY / "compose.cluster.yaml")
    cluster = ET.parse(DEPLOY / "clickhouse" / "cluster.d" / "cluster.xml")
    replicas = [host.text for host in cluster.findall("./remote_servers/spanhouse/shard/replica/host")]
    assert sorted(replicas) == sorted(name for name in services if name.startswith("clickhouse-"))
    keepers = sorted(name for name in services if name.startswith("keeper-"))
    assert sorted(host.text for host in cluster.findall("./zookeeper/node/host")) == keepers
    own = ET.parse(DEPLOY / "clickhouse" / "keeper" / "keeper_config.xml")
    members = {
        member.findtext("id"): member.findtext("hostname")
        for member in own.findall("./keeper_server/raft_configuration/server")
    }
    assert members == {services[name]["environment"]["KEEPER_SERVER_ID"]: name for name in keepers}
    port = own.findtext("./keeper_server/tcp_port")
    assert {found.text for found in cluster.findall("./zookeeper/node/port")} == {port}
    for name in replicas:
        shard = [
            number
            for number, element in enumerate(cluster.findall("./remote_servers/spanhouse/shard"), start=1)
            if name in {host.text for host in element.findall("replica/host")}
        ]
        environment = services[name]["environment"]
        assert [environment["CLICKHOUSE_SHARD"]] == [str(number) for number in shard]
        assert environment["CLICKHOUSE_REPLICA"] == services[name]["hostname"] == name


def test_the_engine_parses_what_users_are_granted():
    """ClickHouse's own parser reads every GRANT; the reader's are of SELECT and SHOW alone."""
    users = ET.parse(DEPLOY / "clickhouse" / "users.d" / "spanhouse.xml")
    granted = {
        user: [query.text for query in users.findall(f"./users/{user}/grants/query")]
        for user in ("spanhouse", "grafana")
    }
    # In a configuration the user is the one it stands under.
    statements = [f"EXPLAIN AST {query} TO {user}" for user, queries in granted.items() for query in queries]
    code = "import chdb, sys\nfor sql in sys.argv[1:]: print(len(chdb.query(sql, 'TSV').bytes()))"
    command = [sys.executable, "-c", code, *statements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(int(size) > 0 for size in done.stdout.split())
    # Those that a server asks for before it writes anything, and no more.
    given = {
        (place.replace("spanhouse.*", "*"), right)
        for query in granted["spanhouse"]
        for rights, place in [re.fullmatch(r"GRANT (.*) ON (\S+)", query).groups()]
        for right in rights.split(", ")
    }
    assert given == {*server_checks._RIGHTS, *server_checks._RIGHTS_ON_A_CLUSTER}
    assert all(
        re.fullmatch(r"GRANT SELECT(, SHOW)? ON (spanhouse\.\*|system\.\w+)", query) for query in granted["grafana"]
    )
    assert users.findtext("./profiles/spanhouse_reads/readonly") == "1"
    assert users.findtext("./users/grafana/profile") == "spanhouse_reads"

"""The Kubernetes manifests: valid by Kubernetes' own schemas, and rendered by kustomize where it is installed."""

import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from deploy_files import DEPLOY, KUBERNETES_FILES, containers, documents

VERSION = "1.37"
FOLDERS = ("base", "clickhouse")


def whole(path: Path) -> bool:
    """Whether a file is an object of its own, rather than a patch of one of the base."""
    (kustomization,) = documents(path.parent / "kustomization.yaml")
    return path.name in kustomization["resources"]


@pytest.mark.parametrize(
    "path", list(filter(whole, KUBERNETES_FILES)), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_objects_are_valid(path: Path):
    """Strictly: a field that the schema does not have is an error."""
    for document in documents(path):
        kubernetes_validate.validate(document, VERSION, strict=True)
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate({**document, "speck": {}}, VERSION, strict=True)


@pytest.mark.parametrize("folder", FOLDERS)
def test_kustomizations_name_the_files_that_there_are(folder: str):
    """None is missing and none is left over."""
    directory = DEPLOY / "kubernetes" / folder
    (kustomization,) = documents(directory / "kustomization.yaml")
    named = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
    assert named - {"../base"} == {path.name for path in directory.iterdir()} - {"kustomization.yaml"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: it renders kustomizations")
@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_rendered_is_valid_and_belongs_together(folder: str):
    """Services, budgets and policies select the pods there are, whose secrets and ports are named as elsewhere."""
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / folder)]
    rendered = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    objects = {document["kind"]: document for document in yaml.safe_load_all(rendered)}
    for document in objects.values():
        kubernetes_validate.validate(document, VERSION, strict=True)
    workload = objects["StatefulSet" if folder == "base" else "Deployment"]
    assert ("StatefulSet" in objects) != ("Deployment" in objects)
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/name": "spanhouse"}
    assert workload["spec"]["selector"]["matchLabels"] == labels
    assert objects["Service"]["spec"]["selector"] == labels
    assert objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    (container,) = containers(workload)
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in objects["Service"]["spec"]["ports"]} == ports
    allowed = {port["port"] for rule in objects["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]}
    assert allowed == ports
    if folder == "clickhouse":
        assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
        assert objects["PodDisruptionBudget"]["spec"]["minAvailable"] < workload["spec"]["replicas"]


def test_pods_can_do_little():
    """As nobody, without capabilities, a service account's token or a root that is written to, and within bounds."""
    specs = [document["spec"] for path in KUBERNETES_FILES for document in documents(path) if containers(document)]
    assert len(specs) == 2
    for spec in specs:
        pod = spec["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} == container["resources"].keys()
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claimed = {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
        assert mounted == {volume["name"] for volume in pod["volumes"]} | claimed
        (secret,) = (volume["secret"] for volume in pod["volumes"] if volume["name"] == "tokens")
        # Root's and readable by a group is what the server takes for a file of tokens (access/token_file.py).
        assert secret["defaultMode"] == 0o440

"""The model server's manifests: valid for Kubernetes, true to each other, closed to others, and without a secret."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.deploy.manifests import FOLDERS, KUBERNETES, ROOT, Document, built, only, read

VERSIONS = ("1.31", "1.34", "1.37")


def pod_of(folder: str) -> Document:
    found: Document = only(built(folder), "Deployment")["spec"]["template"]["spec"]
    return found


def container(name: str, folder: str = "base") -> Document:
    (found,) = [one for one in pod_of(folder)["containers"] if one["name"] == name]
    return dict(found)


def proxy_config() -> str:
    return str(only(built("base"), "ConfigMap")["data"]["nginx.conf"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_document_is_valid_for_kubernetes(folder: str, version: str) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate brings the schemas")
    documents = built(folder)
    assert len(documents) >= 6
    for document in documents:
        assert schemas.validate(document, version, strict=True) == version


@pytest.mark.parametrize("folder", FOLDERS)
def test_kubectl_builds_the_same(folder: str) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl here")
    command = ["kubectl", "kustomize", str(KUBERNETES / folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if made.returncode != 0 and "kustomization" not in made.stderr:
        pytest.skip("this kubectl does not run here")
    assert made.returncode == 0, made.stderr
    from ruamel.yaml import YAML

    theirs = [json.dumps(one, sort_keys=True) for one in YAML(typ="safe").load_all(made.stdout)]
    assert sorted(theirs) == sorted(json.dumps(one, sort_keys=True) for one in built(folder))


def test_every_file_is_part_of_a_folder_that_is_built() -> None:
    used: set[str] = set()
    for folder in FOLDERS:
        (kustomization,) = read(KUBERNETES / folder / "kustomization.yaml")
        named = [*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", ()))]
        used |= {f"{folder}/{name}" for name in (*named, "kustomization.yaml") if name.endswith(".yaml")}
    assert {str(path.relative_to(KUBERNETES)) for path in KUBERNETES.rglob("*") if path.is_file()} == used


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_are_unique_and_everything_is_in_one_namespace(folder: str) -> None:
    documents = built(folder)
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)
    namespace = only(documents, "Namespace")["metadata"]["name"]
    assert {one["metadata"]["namespace"] for one in documents if one["kind"] != "Namespace"} == {namespace}


@pytest.mark.parametrize("folder", FOLDERS)
def test_selectors_find_the_pod(folder: str) -> None:
    documents = built(folder)
    labels = only(documents, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    for selector in (
        only(documents, "Deployment")["spec"]["selector"]["matchLabels"],
        only(documents, "Service")["spec"]["selector"],
        only(documents, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector
        assert selector.items() <= labels


def test_ports_lead_from_the_service_through_the_proxy_to_ollama() -> None:
    documents = built("ingress")
    ports = {port["name"]: port["containerPort"] for port in container("proxy")["ports"]}
    (service,) = only(documents, "Service")["spec"]["ports"]
    listens = [int(port) for port in re.findall(r"listen (\d+);", proxy_config())]
    assert listens == [ports["http"], ports["health"]]
    assert ports[service["targetPort"]] == listens[0]
    (rule,) = only(documents, "NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [ports["http"]], "the open port of the probes stays closed"
    (path,) = only(documents, "Ingress")["spec"]["rules"][0]["http"]["paths"]
    backend = path["backend"]["service"]
    assert (backend["name"], backend["port"]["name"]) == (
        only(documents, "Service")["metadata"]["name"],
        service["name"],
    )
    environment = {one["name"]: one["value"] for one in container("ollama")["env"]}
    assert re.findall(r"upstream ollama \{\s*server ([\d.:]+);", proxy_config()) == [environment["OLLAMA_HOST"]]


def test_ollama_listens_inside_the_pod_alone() -> None:
    environment = {one["name"]: one["value"] for one in container("ollama")["env"]}
    assert environment["OLLAMA_HOST"].startswith("127.0.0.1:")
    assert environment["OLLAMA_NO_CLOUD"] == "1"
    assert "ports" not in container("ollama")
    assert "hostNetwork" not in pod_of("base")


def test_the_proxy_asks_for_a_password_and_reads_it_from_the_secret() -> None:
    first, health = re.split(r"\n +server \{", proxy_config())[1:]
    assert 'auth_basic "models";' in first
    assert "auth_basic" not in health
    (file,) = re.findall(r"auth_basic_user_file (\S+);", first)
    mounts = {one["name"]: one["mountPath"] for one in container("proxy")["volumeMounts"]}
    (volume,) = [one for one in pod_of("base")["volumes"] if one["name"] == "login"]
    assert file == f"{mounts['login']}/{volume['secret']['items'][0]['path']}"
    assert [one["name"] for one in container("ollama")["volumeMounts"]] == ["models", "ollama-tmp"]


def test_the_proxy_lets_through_exactly_what_sonar_asks_an_ollama_for() -> None:
    sources = [path.read_text() for path in (ROOT / "amalfa" / "providers").glob("*.py")]
    asked = {path for source in sources for path in re.findall(r'"(/api/[a-z]+)"', source)}
    (allowed,) = re.findall(r"location ~ (\^/api/\S+\$) \{", proxy_config())
    assert asked
    assert {path for path in asked if not re.match(allowed, path)} == set()
    for path in ("/api/delete", "/api/create", "/api/copy", "/api/push", "/api/blobs/sha256:0", "/v1/models", "/"):
        assert not re.match(allowed, path)


def test_health_shows_the_version_and_no_more() -> None:
    health = re.split(r"\n +server \{", proxy_config())[2]
    assert re.findall(r"location (= )?(\S+) \{", health) == [("= ", "/api/version"), ("= ", "/alive"), ("", "/")]
    for name in ("ollama", "proxy"):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe in container(name):
                assert container(name)[probe]["httpGet"]["path"] in ("/api/version", "/alive")
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container("ollama"))


def test_a_proxy_that_is_down_is_restarted_before_ollama_is() -> None:
    def patience_s(name: str) -> int:
        probe = container(name)["livenessProbe"]
        return int(probe["periodSeconds"] * probe["failureThreshold"])

    assert patience_s("ollama") > 2 * patience_s("proxy")


@pytest.mark.parametrize("folder", FOLDERS)
def test_resources_are_those_of_the_design(folder: str) -> None:
    resources = container("ollama", folder)["resources"]
    assert resources["requests"] == {"cpu": "4", "memory": "8Gi"}
    assert resources["limits"].pop("nvidia.com/gpu", None) == ("1" if folder == "gpu" else None)
    assert resources["limits"] == {"cpu": "8", "memory": "16Gi"}
    assert only(built(folder), "PersistentVolumeClaim")["spec"]["resources"]["requests"] == {"storage": "50Gi"}


def test_the_pod_is_pinned_to_a_node_and_may_use_one_kept_for_gpus() -> None:
    for folder in FOLDERS:
        assert pod_of(folder)["nodeSelector"] == {"amalfa/model-server": "true"}
    assert pod_of("gpu")["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert "tolerations" not in pod_of("base")


def test_the_base_is_the_same_whether_or_not_the_patch_was_applied() -> None:
    built("gpu")
    assert "nvidia.com/gpu" not in json.dumps(built("base"))


def test_volumes_and_mounts_belong_together() -> None:
    documents, pod = built("base"), pod_of("base")
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounted = {mount["name"] for one in pod["containers"] for mount in one["volumeMounts"]}
    assert mounted == set(volumes)
    claim = volumes["models"]["persistentVolumeClaim"]["claimName"]
    assert claim == only(documents, "PersistentVolumeClaim")["metadata"]["name"]
    assert volumes["proxy-config"]["configMap"]["name"] == only(documents, "ConfigMap")["metadata"]["name"]
    environment = {one["name"]: one["value"] for one in container("ollama")["env"]}
    for name in ("OLLAMA_MODELS", "HOME"):
        assert environment[name].startswith("/models/"), "written where the volume is; the rest is read-only"
    config = container("proxy")["command"][container("proxy")["command"].index("-c") + 1]
    mounts = {one["name"]: one["mountPath"] for one in container("proxy")["volumeMounts"]}
    assert config == f"{mounts['proxy-config']}/nginx.conf"
    temporary = re.findall(r"(?:pid|_temp_path) (\S+);", proxy_config())
    assert len(temporary) == 6
    assert all(path.startswith(f"{mounts['proxy-tmp']}/") for path in temporary)


def test_nothing_runs_as_root_or_with_privileges() -> None:
    pod = pod_of("gpu")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for one in pod["containers"]:
        context = one["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
    labels = only(built("base"), "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert "initContainers" not in pod


def test_the_network_is_closed_but_for_what_is_named() -> None:
    spec = only(built("base"), "NetworkPolicy")["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    assert all(rule.get("from") for rule in spec["ingress"])
    assert all(rule.get("to") and rule.get("ports") for rule in spec["egress"])
    out = {(port["port"], port["protocol"]) for rule in spec["egress"] for port in rule["ports"]}
    assert out == {(53, "UDP"), (53, "TCP"), (443, "TCP")}


def test_images_are_pinned_to_a_version() -> None:
    images = [one["image"] for one in pod_of("base")["containers"]]
    assert images == ["ollama/ollama:0.33.0", "nginx:1.28.0-alpine"]


def test_no_file_holds_a_secret() -> None:
    for folder in FOLDERS:
        assert "Secret" not in {document["kind"] for document in built(folder)}
    for path in KUBERNETES.rglob("*.yaml"):
        text = path.read_text()
        assert not re.search(r"\$(?:apr1|2[aby]|5|6)\$|\{SSHA|BEGIN [A-Z ]*PRIVATE KEY|stringData:", text), path
        assert not re.search(r"(?im)^\s*(?:password|token|api[_-]?key)\s*:", text), path
    environment: list[dict[str, Any]] = [one for each in pod_of("base")["containers"] for one in each.get("env", ())]
    assert not [one["name"] for one in environment if re.search("KEY|TOKEN|PASSWORD|SECRET", one["name"])]


def test_the_playbook_names_what_there_is() -> None:
    page = (ROOT / "playbooks" / "deploy.md").read_text()
    for document in built("ingress"):
        assert document["metadata"]["name"] in page
    for folder in FOLDERS:
        assert f"deploy/kubernetes/{folder}" in page
    for label in ("amalfa/model-server=true", "amalfa/model-client=true"):
        assert label in page
    for version in (VERSIONS[0], VERSIONS[-1]):
        assert version in page

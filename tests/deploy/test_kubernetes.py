"""The manifests fit each other and the program."""

import pytest
import yaml

from tests.deploy.shipped import KUBERNETES, container_of, manifests
from tests.end_to_end.service import running
from tokenbooth.cli.main import program
from tokenbooth.cli.uvicorn_drain import FINISH_SECONDS

LABELS = {"app.kubernetes.io/name": "tokenbooth"}


@pytest.fixture(scope="module")
def found():
    return manifests()


def test_the_kustomization_names_every_file_but_the_secret_and_the_job():
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text("utf-8"))["resources"]
    there = {path.name for path in KUBERNETES.glob("*.yaml")}
    assert there - set(listed) == {"kustomization.yaml", "secret.example.yaml", "migrate.yaml"}
    assert set(listed) <= there


def test_the_probes_ask_what_the_service_answers(found, tmp_path):
    container = container_of(found["Deployment"])
    probes = {
        name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")
    }
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert {probe["port"] for probe in probes.values()} <= ports.keys()
    assert (probes["readiness"]["path"], probes["liveness"]["path"]) == ("/readyz", "/healthz")
    with running(tmp_path) as service:
        for probe in probes.values():
            assert service.http.get(probe["path"]).status_code == 200


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_have_no_rights_and_bounded_resources(found, kind):
    pod = found[kind]["spec"]["template"]["spec"]
    container = container_of(found[kind])

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert container["args"][0] in program.lazy_commands


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_no_variable_of_kubernetes_is_taken_for_a_setting(found, kind):
    # A service "tokenbooth" would otherwise set TOKENBOOTH_PORT=tcp://... in every pod.
    assert found[kind]["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_a_pod_that_ends_serves_until_all_know_and_finishes_its_requests(found):
    pod = found["Deployment"]["spec"]["template"]["spec"]
    container = container_of(found["Deployment"])
    drain = next(
        float(each["value"])
        for each in container["env"]
        if each["name"] == "TOKENBOOTH_DRAIN_SECONDS"
    )
    probe = container["readinessProbe"]

    assert pod["terminationGracePeriodSeconds"] > drain + FINISH_SECONDS
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert "lifecycle" not in container  # a pause of its own would come on top


def test_everything_is_about_the_same_pods(found):
    template = found["Deployment"]["spec"]["template"]
    assert template["metadata"]["labels"] == LABELS
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == LABELS
    assert found["Service"]["spec"]["selector"] == LABELS
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == LABELS
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (
        "Deployment",
        found["Deployment"]["metadata"]["name"],
    )
    (service_port,) = found["Service"]["spec"]["ports"]
    assert service_port["targetPort"] == container_of(found["Deployment"])["ports"][0]["name"]


def test_a_node_may_always_be_taken_away(found):
    least = found["HorizontalPodAutoscaler"]["spec"]["minReplicas"]
    assert least > found["PodDisruptionBudget"]["spec"]["maxUnavailable"]
    assert "replicas" not in found["Deployment"]["spec"]  # it would fight the autoscaler


def test_the_network_policy_covers_service_and_migration(found):
    (chosen,) = found["NetworkPolicy"]["spec"]["podSelector"]["matchExpressions"]
    job = found["Job"]["spec"]["template"]["metadata"]["labels"]
    assert set(chosen["values"]) == {*LABELS.values(), *job.values()}


def test_secrets_are_read_from_the_secret(found):
    pod = found["Deployment"]["spec"]["template"]["spec"]
    container = container_of(found["Deployment"])
    keys = found["Secret"]["stringData"].keys()
    name = found["Secret"]["metadata"]["name"]
    env = {each["name"]: each for each in container["env"]}

    reference = env["TOKENBOOTH_DATABASE"]["valueFrom"]["secretKeyRef"]
    assert (reference["name"], reference["key"] in keys) == (name, True)
    volume = next(each["secret"] for each in pod["volumes"] if "secret" in each)
    mount = next(each for each in container["volumeMounts"] if each["name"] == "secrets")
    (item,) = volume["items"]
    assert (volume["secretName"], item["key"] in keys) == (name, True)
    assert env["TOKENBOOTH_MASTER_KEY_FILE"]["value"] == f"{mount['mountPath']}/{item['path']}"

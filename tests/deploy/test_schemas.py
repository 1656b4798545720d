"""Manifests, composition and image are what their readers take, by schema and by linter."""

import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.deploy.shipped import COMPOSE, CONTAINERFILE, KUBERNETES

BIN = Path(sys.executable).parent
# The oldest that is still kept in good order when this was written, and the newest.
VERSIONS = ("1.34", "1.37")
OBJECTS = [
    pytest.param(each, id=f"{each['kind']}-{path.stem}")
    for path in sorted(KUBERNETES.glob("*.yaml"))
    for each in yaml.safe_load_all(path.read_text("utf-8"))
    if each["kind"] != "Kustomization"  # kubectl reads that, the cluster never sees it
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", OBJECTS)
def test_kubernetes_takes_the_object_as_it_is_written(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_member_of_an_object_is_found():
    (policy,) = yaml.safe_load_all((KUBERNETES / "network-policy.yaml").read_text("utf-8"))
    policy["spec"]["policyType"] = policy["spec"].pop("policyTypes")

    with pytest.raises(kubernetes_validate.ValidationError, match="policyType"):
        kubernetes_validate.validate(policy, VERSIONS[-1], strict=True)


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)


def test_the_composition_follows_the_schema_of_compose_files():
    checked = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_linter_has_nothing_to_say_of_the_image():
    checked = run(BIN / "hadolint", "--failure-threshold", "info", CONTAINERFILE)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr

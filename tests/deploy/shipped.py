"""The files of deploy/, and what is in them."""

import re
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
CONTAINERFILE = DEPLOY / "container" / "Containerfile"
COMPOSE = DEPLOY / "container" / "compose.yaml"
UNIT = DEPLOY / "systemd" / "tokenbooth.service"
BACKUP_UNIT = DEPLOY / "systemd" / "tokenbooth-backup.service"
KUBERNETES = DEPLOY / "kubernetes"

_VARIABLE = re.compile(r"\bTOKENBOOTH_[A-Z_]+")


def texts():
    """Every file of ours for whoever deploys."""
    return {path: path.read_text("utf-8") for path in DEPLOY.rglob("*") if path.is_file()}


def variables(text):
    """The settings that a text names."""
    return set(_VARIABLE.findall(text))


def manifests():
    """Every object for Kubernetes by its kind; the secret is an example."""
    found = {}
    for path in KUBERNETES.glob("*.yaml"):
        for each in yaml.safe_load_all(path.read_text("utf-8")):
            found[each["kind"]] = each
    return found


def container_of(manifest):
    """The only container of what a manifest describes."""
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    return container


def unit(path=UNIT):
    """The lines of a unit by section and name, each name with all its values."""
    found, section = {}, ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault((section, name), []).append(value)
    return found

"""Read the files of an Auth0 export: a folder of the Deploy CLI, its YAML, or JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenbooth.management.errors import BadInput
from tokenbooth.management.imports import loose
from tokenbooth.management.imports.auth0 import Tenant, tenant_of, with_keywords

_FOLDERS = {"clients": "clients", "resource-servers": "resourceServers", "grants": "clientGrants"}
_MOST_FILES = 10_000


def tenant_at(path: Path, keywords: Mapping[str, object]) -> Tenant:
    """Return the tenant of a folder or file; raises BadInput, or OSError."""
    if path.is_dir():
        return tenant_of(_folder(path, keywords))
    return tenant_of_text(_text(path.read_bytes()), keywords)


def tenant_of_text(text: str, keywords: Mapping[str, object]) -> Tenant:
    """Return the tenant of one document in YAML or JSON; raises BadInput."""
    text = with_keywords(text, keywords)
    return tenant_of(_json(text) if text.lstrip().startswith("{") else _yaml(text))


def keywords_at(path: Path) -> dict[str, object]:
    """Return the keywords in the Deploy CLI's config.json; raises BadInput, or OSError."""
    document = _json(_text(path.read_bytes()))
    found = loose.table(document, "AUTH0_KEYWORD_REPLACE_MAPPINGS")
    if not found:
        raise BadInput(f"{path.name} has no AUTH0_KEYWORD_REPLACE_MAPPINGS.")
    return dict(found)


def _folder(path: Path, keywords: Mapping[str, object]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    for folder, name in _FOLDERS.items():
        files = sorted((path / folder).glob("*.json"))
        if len(files) > _MOST_FILES:
            raise BadInput(f"There are more than {_MOST_FILES} files in {folder}.")
        parts[name] = [_json(with_keywords(_text(each.read_bytes()), keywords)) for each in files]
    return parts


def _text(data: bytes) -> str:
    if len(data) > loose.MAX_BYTES:
        raise BadInput(f"The export is longer than {loose.MAX_BYTES >> 20} MB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("This is no export of Auth0: it is not UTF-8 text.") from error


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput("This is no export of Auth0: it is not JSON.") from error


def _yaml(text: str) -> Any:  # noqa: ANN401 - YAML
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(
            "This is no export of Auth0: it is neither JSON nor YAML. "
            "Markers like @@NAME@@ have to be filled: --keywords config.json"
        ) from error

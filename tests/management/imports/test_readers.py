"""Readers of other systems' exports take whatever comes: clients, or a refusal in words."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenbooth.management.errors import BadInput
from tokenbooth.management.imports import auth0, auth0_files, hydra, keycloak
from tokenbooth.management.imports.found import Found
from tokenbooth.management.imports.sql_dump import rows_of

EXPORTS = Path(__file__).parent / "exports"
READERS: dict[str, Callable[[bytes], Found]] = {
    "keycloak": keycloak.read,
    "hydra": hydra.read,
    "auth0": lambda data: auth0.read(
        auth0_files.tenant_of_text(data.decode("utf-8", "replace"), {})
    ),
}
SAMPLES = {
    "keycloak": json.loads((EXPORTS / "keycloak-realm.json").read_text()),
    "hydra": json.loads((EXPORTS / "hydra-clients.json").read_text()),
    "auth0": {
        "clients": [
            json.loads(each.read_text()) for each in sorted((EXPORTS / "auth0/clients").iterdir())
        ],
        "resourceServers": [
            json.loads((EXPORTS / "auth0/resource-servers/Orders.json").read_text())
        ],
        "clientGrants": [json.loads((EXPORTS / "auth0/grants/Signed-orders.json").read_text())],
    },
}
strange = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        10**400,
        1.5,
        "",
        "*",
        "\ud800",
        "a" * 70_000,
        [],
        {},
        [[]],
        [None, {}],
        "1h",
    ]
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(document, dict):
        for name, value in document.items():
            found += _places(value, (*path, name))
    if isinstance(document, list):
        for position, value in enumerate(document):
            found += _places(value, (*path, position))
    return found


def _with(document: Any, path: tuple[Any, ...], value: object) -> Any:
    copy = json.loads(json.dumps(document))
    node = copy
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return copy


@pytest.mark.parametrize("system", list(READERS))
@settings(max_examples=150)
@given(data=st.data())
def test_a_value_of_another_kind_anywhere_is_no_defect(system: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(_places(SAMPLES[system])))
    document = _with(SAMPLES[system], place, data.draw(strange))

    with contextlib.suppress(BadInput):
        READERS[system](json.dumps(document).encode())


@pytest.mark.parametrize("system", list(READERS))
@settings(max_examples=60)
@given(
    content=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
def test_what_is_no_export_is_refused_in_words(system: str, content: bytes) -> None:
    with contextlib.suppress(BadInput):
        READERS[system](content)


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.tuples(*[st.none() | st.text("ab '\\\n\t|,()\"{}", max_size=8)] * 3),
        min_size=1,
        max_size=4,
    )
)
def test_rows_come_back_as_postgresql_dumps_them(rows: list[tuple[str | None, ...]]) -> None:
    def written(value: str | None) -> str:
        if value is None:
            return "\\N"
        escapes = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"))
        for plain, escaped in escapes:
            value = value.replace(plain, escaped)
        return value

    lines = "\n".join("\t".join(map(written, row)) for row in rows)
    dump = f"COPY public.hydra_client (id, a, b) FROM stdin;\n{lines}\n\\.\n"

    assert [tuple(row.values()) for row in rows_of(dump, "hydra_client")] == rows


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.tuples(*[st.none() | st.text("ab '\n\t|,()\"{}", max_size=8)] * 3),
        min_size=1,
        max_size=4,
    )
)
def test_rows_come_back_as_inserts_write_them(rows: list[tuple[str | None, ...]]) -> None:
    def written(value: str | None) -> str:
        return "NULL" if value is None else "'" + value.replace("'", "''") + "'"

    values = ", ".join(f"({','.join(map(written, row))})" for row in rows)
    dump = f"INSERT INTO public.hydra_client (id, a, b) VALUES {values};\n"

    assert [tuple(row.values()) for row in rows_of(dump, "hydra_client")] == rows


def test_another_table_is_not_read() -> None:
    with pytest.raises(BadInput, match="no rows"):
        rows_of("INSERT INTO hydra_client_other (id) VALUES ('a');", "hydra_client")
    with pytest.raises(BadInput, match="more than plain values"):
        rows_of("INSERT INTO hydra_client (id) VALUES (now());", "hydra_client")
    with pytest.raises(BadInput, match="as many values"):
        rows_of("INSERT INTO hydra_client (id, b) VALUES ('a');", "hydra_client")
    with pytest.raises(BadInput, match="as many values"):
        rows_of("COPY hydra_client (id, b) FROM stdin;\na\n\\.\n", "hydra_client")

"""Every line that `serve --demo` prints does in a shell what its comment says."""

import json
import re

import pytest

from tests.end_to_end.service import Service, database_in, parse_answer, run_program, shell

ISSUERS = (
    "default",
    "jwt-basic",
    "self-service",
    "trulioo-normalized",
    "trulioo-platform",
    "truphone",
)
_EXPECTED = re.compile(r"# (\d{3}): ")


def _block(demo: Service, issuer: str) -> list[str]:
    blocks = demo.printed.strip().split("\n\n")
    return next(b for b in blocks if f"/demo/{issuer}/whoami" in b).split("\n")


def test_prints_one_block_per_dialect_and_nothing_else(demo):
    printed = demo.printed.strip().split("\n\n")
    assert len(printed) == len(ISSUERS)
    assert {re.search(r"/demo/([a-z-]+)/", block)[1] for block in printed} == set(ISSUERS)
    assert all(block.startswith("# ") for block in printed)


@pytest.mark.parametrize("issuer", ISSUERS)
def test_each_pasted_line_does_what_its_comment_says(demo, issuer):
    fetching = []
    for line in _block(demo, issuer)[1:]:
        if re.match(r"[A-Z]+=", line):
            fetching.append(line)
            variable = line.partition("=")[0]
            token = shell("\n".join([*fetching, f"echo ${variable}"])).strip()
            assert re.fullmatch(r"[A-Za-z0-9._-]{40,}", token), line
            continue
        status = int(_EXPECTED.search(line)[1])
        printed = shell("\n".join([*fetching, line]))
        if "curl -si" in line:
            assert parse_answer(printed).status == status, line
        else:
            # Without -i the body itself shows the success.
            assert status == 200
            assert json.loads(printed)["client_id"] == "demo", line


@pytest.mark.parametrize("issuer", ISSUERS)
def test_a_whole_pasted_block_shows_200_403_and_401(demo, issuer):
    printed = shell("\n".join(_block(demo, issuer)))
    assert f'"audience": ["urn:tokenbooth:demo:{issuer}"]' in printed
    assert re.findall(r"^HTTP/1.1 (\d+)", printed, re.MULTILINE) == ["403", "401"]


def test_a_second_start_on_the_same_database_prints_lines_that_work(fresh):
    first = fresh("twice", "--demo")
    old = re.search(r"tbs_\w+", first.printed)[0]
    first.stop()
    second = fresh("twice", "--demo")
    assert old not in second.printed
    printed = shell("\n".join(_block(second, "truphone")))
    assert '"client_id": "demo"' in printed


def test_says_where_it_listens_as_json(fresh):
    service = fresh("json", "--json")
    said = json.loads(service.printed)
    assert said == {"issuer": service.url, "token_endpoint": f"{service.url}/oauth2/token"}


def test_refuses_a_port_that_is_taken(demo, tmp_path):
    done = run_program("serve", "--port", str(demo.port), "--database", database_in(tmp_path))
    assert done.returncode == 1
    assert f"port {demo.port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr

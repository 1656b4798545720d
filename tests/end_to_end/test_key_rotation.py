"""Keys rotate under load, and are pulled in an emergency, while verifiers cache them."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import jwt
import pytest

from tests.end_to_end.service import Service, eventually, run_program, running
from tests.softhsm import make_softhsm
from tokenbooth.clock import SYSTEM_CLOCK
from tokenbooth.guard import Guard
from tokenbooth.management.service.keys import rotate_key

CACHED_SECONDS = 3.0
LEAD = 6  # seconds; longer than any verifier here caches


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("rotating"), "--workers", "2") as service:
        service.add_api("persons", "persons:read")
        yield service


class HastyClock:
    """Time for a guard whose ten minutes are over in four seconds; tokens expire as usual."""

    def now(self) -> float:
        return SYSTEM_CLOCK.now()

    def monotonic(self) -> float:
        return SYSTEM_CLOCK.monotonic() * 150


class CachingVerifier:
    """Caches the key set and looks at nothing newer before its time, as many do."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._fetched = 0.0
        self._keys = jwt.PyJWKSet([{"kty": "oct", "k": "AA"}])

    def verify(self, token: str) -> None:
        header = jwt.get_unverified_header(token)
        with self._lock:
            if time.monotonic() - self._fetched > CACHED_SECONDS:
                self._fetched = time.monotonic()
                document = self._service.http.get("/.well-known/jwks.json").json()
                self._keys = jwt.PyJWKSet.from_dict(document)
        key = self._keys[header["kid"]]
        jwt.decode(token, key, algorithms=[header["alg"]], options={"verify_aud": False})


class Load:
    """Calls without a pause; every call that fails is remembered."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.guard = Guard(service.url, "https://persons.default.example", clock=HastyClock())
        self._verifier = CachingVerifier(service)
        self.jwt_client = service.register("persons")
        self._opaque_client = service.register("persons", token_format="opaque")
        self._stop = threading.Event()
        self.failures: Counter[str] = Counter()
        self.kids: Counter[str] = Counter()
        self.calls = 0

    def run(self) -> None:
        first = self._service.access_token(self.jwt_client)
        sealed = self._service.access_token(self._opaque_client)
        while not self._stop.is_set():
            self.calls += 1
            try:
                self._call(first, sealed)
            except Exception as error:  # noqa: BLE001 - any failure counts
                self.failures[f"{type(error).__name__}: {error}"] += 1

    def _call(self, first: str, sealed: str) -> None:
        token = self._service.access_token(self.jwt_client)
        self.kids[jwt.get_unverified_header(token)["kid"]] += 1
        for each in (token, first):
            self.guard.verify_sync({"Authorization": f"Bearer {each}"}, "GET", "https://a.example/")
            self._verifier.verify(each)
            assert self._service.is_active(self.jwt_client, each)
        fresh = self._service.access_token(self._opaque_client)
        for each in (fresh, sealed):
            assert self._service.is_active(self._opaque_client, each)

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        self.guard.close()


def rotate(service: Service, **wishes: Any) -> None:
    service.manage(lambda booth: rotate_key(booth, issuer="default", **wishes))


def test_no_call_fails_while_keys_and_algorithms_change(service):
    with closing(Load(service)) as load, ThreadPoolExecutor(3) as pool:
        running_calls = [pool.submit(load.run) for _ in range(3)]
        try:
            time.sleep(1)
            for alg in ("EdDSA", "ES256", "PS256"):
                rotate(service, alg=alg, lead=LEAD)
                rotate(service, sealing=True, lead=0)
                time.sleep(LEAD + 1.5)
        finally:
            load.stop()
        for each in running_calls:
            each.result()

    assert load.failures == Counter()
    assert len(load.kids) == 4
    assert load.calls > 20
    states = [key["status"] for key in service.told("keys", "list") if key["purpose"] == "sign"]
    assert sorted(states) == ["current", "retired", "retired", "retired"]


def _kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def _published(service: Service) -> set[str]:
    return {key["kid"] for key in service.http.get("/.well-known/jwks.json").json()["keys"]}


def test_a_key_that_is_pulled_ends_its_tokens_and_leaves_the_service_working(service):
    client = service.register("persons")
    token = service.access_token(client)
    kid = _kid(token)
    refused = service.command("keys", "remove", kid)
    assert (refused.returncode, "--force" in refused.stderr) == (7, True)
    assert service.is_active(client, token)

    service.told("keys", "remove", kid, "--force")

    service.wait_everywhere(lambda: not service.is_active(client, token), within=1.0)
    service.wait_everywhere(lambda: kid not in _published(service), within=1.0)
    later = service.access_token(client)
    assert _kid(later) != kid
    with closing(Guard(service.url, "https://persons.default.example")) as guard:
        guard.verify_sync({"Authorization": f"Bearer {later}"}, "GET", "https://a.example/")


def test_the_key_set_names_each_key_once_for_signatures_and_holds_nothing_private(service):
    answer = service.http.get("/.well-known/jwks.json")

    keys = answer.json()["keys"]
    assert len(keys) > 1
    assert len({key["kid"] for key in keys}) == len(keys)
    assert {key["use"] for key in keys} == {"sig"}
    assert all(key["alg"] in ("ES256", "EdDSA", "PS256") for key in keys)
    members = {"kty", "kid", "alg", "use", "crv", "x", "y", "n", "e"}
    assert set().union(*keys) <= members
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=300"


def test_the_master_key_is_replaced_while_the_service_runs(service):
    client = service.register("persons")
    token = service.access_token(client)

    told = service.told("keys", "reseal", "--new-master-key-file", f"{service.folder}/new.key")

    assert told["master_key_file_updated"] is True
    made = service.told("keys", "rotate", "--now")
    eventually(lambda: _kid(service.access_token(client)) == made["kid"], within=4.0)
    for _ in range(8):
        assert service.is_active(client, token)
    assert service.http.get("/readyz").status_code == 200


def test_two_workers_sign_in_one_device(tmp_path):
    hsm = make_softhsm(tmp_path / "hsm")
    arguments = ("--workers", "2")
    with running(tmp_path / "booth", *arguments, variables=hsm.variables) as service:
        service.add_api("persons", "persons:read")
        client = service.register("persons")
        made = _rotate_into(service, hsm.uri, hsm.variables)

        service.wait_everywhere(lambda: _kid(service.access_token(client)) == made)

        with ThreadPoolExecutor(4) as pool:
            tokens = list(pool.map(lambda _: service.access_token(client), range(60)))
        assert {_kid(token) for token in tokens} == {made}
        verifier = CachingVerifier(service)
        for token in tokens:
            verifier.verify(token)
        assert service.http.get("/readyz").status_code == 200
        assert "123456" not in service.log


def _rotate_into(service: Service, uri: str, variables: dict[str, str]) -> str:
    done = run_program(
        *("keys", "rotate", "--now", "--signer", uri, "--json", "--database", service.database),
        **variables,
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["kid"])

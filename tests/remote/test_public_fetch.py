"""What strangers name never makes us call this machine, its neighbours or the cloud's insides."""

import ipaddress
import socket
import ssl

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.remote.local_server import Reply, local_server
from tokenbooth.remote.fetch import FetchFailed, Request
from tokenbooth.remote.public_addresses import is_public
from tokenbooth.remote.public_fetch import PublicFetch


def get(fetch, url, **more):
    return fetch(Request(method="GET", url=url, timeout=3.0, **more))


def refusal(fetch, url):
    with pytest.raises(FetchFailed) as caught:
        get(fetch, url)
    return caught.value.reason


@pytest.fixture
def fetch():
    ready = PublicFetch()
    yield ready
    ready.close()


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16",
        "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::", "2001:db8::1", "", "localhost", "1", "x",
    ],
)  # fmt: skip
def test_every_other_address_is_not(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_no_more_public_when_it_is_wrapped(address):
    mapped = str(ipaddress.IPv6Address(f"::ffff:{address}"))
    translated = str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address)))
    assert is_public(mapped) == is_public(translated) == is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/jwks",
        "http://localhost:{port}/jwks",
        "https://127.0.0.1:{port}/jwks",
        "https://localhost:{port}/jwks",
        "https://2130706433:{port}/jwks",
        "https://0x7f000001:{port}/jwks",
        "https://127.1:{port}/jwks",
        "https://[::ffff:127.0.0.1]:{port}/jwks",
        "https://0.0.0.0:{port}/jwks",
    ],
)
def test_no_spelling_of_this_machine_is_called(fetch, url):
    with local_server() as server:
        assert refusal(fetch, url.format(port=server.url.rpartition(":")[2])) == "address"
        assert server.seen == []


@pytest.mark.parametrize("url", ["http://keys.example/jwks", "ftp://x/", "https://u:p@x/", "x"])
def test_only_https_is_spoken(fetch, url):
    assert refusal(fetch, url) == "address"


def test_one_private_address_of_a_name_spoils_all(fetch, monkeypatch):
    def resolve(host, port, *args, **options):
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("8.8.8.8", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert refusal(fetch, "https://mixed.example/jwks") == "address"


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch):
    ca = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("keys.example").configure_cert(server_side)
    client_side = ssl.create_default_context()
    ca.configure_trust(client_side)
    looked_up, real = [], socket.getaddrinfo

    def rebinding(host, port, *args, **options):
        if host == "127.0.0.1":
            return real(host, port, *args, **options)
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    fetch = PublicFetch(allow_private_addresses_of=["keys.example"], tls=client_side)
    with local_server() as server:
        server.on("/jwks", lambda seen: Reply(body=b"{}"))
        listener = server._server
        listener.socket = server_side.wrap_socket(listener.socket, server_side=True)
        answer = get(fetch, f"https://keys.example:{listener.server_port}/jwks")
        fetch.close()
    assert answer.body == b"{}"
    assert looked_up == ["keys.example"]
    assert server.seen[0].headers["host"].startswith("keys.example")


def test_a_redirect_is_not_followed_and_a_large_answer_not_read():
    fetch = PublicFetch(allow_private_addresses_of=["127.0.0.1"])
    with local_server() as server:
        server.on("/away", lambda seen: Reply(status=302, headers={"Location": f"{server.url}/x"}))
        server.on("/large", lambda seen: Reply(body=b"x" * 2000))
        assert get(fetch, f"{server.url}/away").status == 302
        with pytest.raises(FetchFailed) as caught:
            get(fetch, f"{server.url}/large", max_bytes=1000)
        assert caught.value.reason == "too_large"
        assert [seen.path for seen in server.seen] == ["/away", "/large"]
    fetch.close()


def test_no_proxy_of_the_environment_is_asked(fetch, monkeypatch):
    with local_server() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, port, *a, **o: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", port))
            ],
        )
        assert refusal(fetch, "https://keys.example/jwks") == "address"
        assert proxy.seen == []


def test_a_name_that_is_none_is_unreachable(fetch):
    assert refusal(fetch, "https://no-such-host.invalid/jwks") == "unreachable"

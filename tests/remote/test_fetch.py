import gzip
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

from tests.remote.local_server import LocalServer, Reply
from tokenbooth.remote.fetch import FetchFailed, HttpFetch, Request


def get(url: str, **more) -> Request:
    return Request(method="GET", url=url, **more)


@pytest.fixture
def raw_server() -> Iterator[tuple[str, list[bytes]]]:
    """Sends prepared bytes one by one, slowly, whatever it is asked."""
    pieces: list[bytes] = []
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    if done.wait(0.05):
                        return
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/", pieces
    done.set()
    thread.join()
    listener.close()


def test_returns_status_lower_case_headers_and_body(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/thing", Reply(status=418, headers={"X-Tea": "pot"}, body=b"short"))
    answer = fetch(get(f"{server.url}/thing"))
    assert (answer.status, answer.headers["x-tea"], answer.body) == (418, "pot", b"short")


def test_sends_method_headers_and_body(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/in", Reply())
    fetch(Request(method="POST", url=f"{server.url}/in", headers={"X-A": "b"}, body=b"hello"))
    seen = server.seen[0]
    assert (seen.method, seen.headers["x-a"], seen.body) == ("POST", "b", b"hello")
    assert seen.headers["user-agent"].startswith("tokenbooth/")


def test_never_follows_a_redirect(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/from", Reply(status=307, headers={"Location": "/to"}))
    server.on("/to", Reply())
    assert fetch(get(f"{server.url}/from")).status == 307
    assert len(server.seen) == 1


def test_keeps_no_cookies(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/", Reply(headers={"Set-Cookie": "a=b"}))
    fetch(get(f"{server.url}/"))
    fetch(get(f"{server.url}/"))
    assert "cookie" not in server.seen[1].headers


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/token",
        "http://10.0.0.1/token",
        "http://localhost.example.com/",
        "ftp://localhost/",
        "https://user:hunter2@localhost/",
        "https:///path",
        "https://[::1/",
        "https://localhost:99999/",
        "relative",
        "https://local host/",
        "https://localhost/\u00e9",
        "http://127.0.0.1\\@example.com/",
    ],
)
def test_refuses_an_address_that_must_not_be_called(fetch: HttpFetch, url: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        fetch(get(url))
    assert (caught.value.reason, caught.value.is_transient) == ("address", False)
    assert "hunter2" not in str(caught.value)


def test_plain_http_off_loopback_needs_the_ugly_switch() -> None:
    fetch = HttpFetch(allow_plain_http_for_development=True)
    with pytest.raises(FetchFailed) as caught:
        fetch(get("http://name.invalid/", timeout=2))
    assert caught.value.reason in ("unreachable", "timeout")
    fetch.close()


def test_an_endless_body_is_cut_off(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/big", Reply(body=b"x" * 5000))
    with pytest.raises(FetchFailed) as caught:
        fetch(get(f"{server.url}/big", max_bytes=4999))
    assert caught.value.reason == "too_large"
    assert len(fetch(get(f"{server.url}/big", max_bytes=5000)).body) == 5000


def test_a_body_of_unannounced_length_is_cut_off_too(
    raw_server: tuple[str, list[bytes]], fetch: HttpFetch
) -> None:
    url, pieces = raw_server
    pieces += [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x" * 100, b"x" * 100]
    with pytest.raises(FetchFailed) as caught:
        fetch(get(url, max_bytes=150))
    assert caught.value.reason == "too_large"


def test_refuses_a_compressed_answer(server: LocalServer, fetch: HttpFetch) -> None:
    body = gzip.compress(b"0" * 1_000_000)
    server.on("/bomb", Reply(headers={"Content-Encoding": "gzip"}, body=body))
    with pytest.raises(FetchFailed) as caught:
        fetch(get(f"{server.url}/bomb"))
    assert caught.value.reason == "compressed"


@pytest.mark.parametrize(
    "pieces",
    [
        [bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", *([b"x"] * 500)],
        [],
    ],
    ids=["headers", "body", "silence"],
)
def test_a_trickling_server_is_left_at_the_deadline(
    raw_server: tuple[str, list[bytes]], fetch: HttpFetch, pieces: list[bytes]
) -> None:
    url, script = raw_server
    script += pieces or [b""] * 100
    started = time.monotonic()
    with pytest.raises(FetchFailed) as caught:
        fetch(get(url, timeout=0.4))
    assert caught.value.reason == "timeout"
    assert caught.value.is_transient
    assert time.monotonic() - started < 1.5


def test_names_an_unreachable_server(fetch: HttpFetch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchFailed) as caught:
        fetch(get(f"http://127.0.0.1:{port}/path?secret=hunter2"))
    assert (caught.value.reason, caught.value.is_transient) == ("unreachable", True)
    assert "hunter2" not in str(caught.value)


def test_names_an_answer_that_is_not_http(
    raw_server: tuple[str, list[bytes]], fetch: HttpFetch
) -> None:
    url, pieces = raw_server
    pieces.append(b"SSH-2.0-OpenSSH hunter2\r\n\r\n")
    with pytest.raises(FetchFailed) as caught:
        fetch(get(url))
    assert caught.value.reason == "garbled"
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def tls_server() -> Iterator[tuple[str, trustme.CA]]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server = LocalServer()
    server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
    server.on("/", Reply(body=b"private"))
    yield server.url.replace("http://127.0.0.1", "https://localhost"), authority
    server.close()


def test_refuses_a_certificate_that_nobody_vouches_for(
    tls_server: tuple[str, trustme.CA], fetch: HttpFetch
) -> None:
    url, _ = tls_server
    with pytest.raises(FetchFailed) as caught:
        fetch(get(f"{url}/"))
    assert (caught.value.reason, caught.value.is_transient) == ("tls", False)


def test_accepts_a_certificate_of_the_given_authority(tls_server: tuple[str, trustme.CA]) -> None:
    url, authority = tls_server
    context = ssl.create_default_context()
    authority.configure_trust(context)
    fetch = HttpFetch(tls=context)
    assert fetch(get(f"{url}/")).body == b"private"
    fetch.close()


def test_a_proxy_of_the_environment_never_sees_what_is_for_this_machine(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server.on("/", Reply(body=b"direct"))
    fetch = HttpFetch()
    assert fetch(get(f"{server.url}/")).body == b"direct"
    fetch.close()


def test_a_forked_child_opens_connections_of_its_own(server: LocalServer) -> None:
    server.on("/", Reply(body=b"ok"))
    fetch = HttpFetch()
    fetch(get(f"{server.url}/"))
    child = os.fork()
    if child == 0:
        os._exit(0 if fetch(get(f"{server.url}/")).body == b"ok" else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert fetch(get(f"{server.url}/")).body == b"ok"
    fetch.close()


def test_shows_no_credentials_in_repr() -> None:
    request = Request(
        method="POST",
        url="https://a/?hunter2",
        headers={"authorization": "hunter2"},
        body=b"hunter2",
    )
    assert "hunter2" not in repr(request)


def test_works_again_after_close(server: LocalServer, fetch: HttpFetch) -> None:
    server.on("/", Reply(body=b"ok"))
    fetch(get(f"{server.url}/"))
    fetch.close()
    assert fetch(get(f"{server.url}/")).body == b"ok"


@pytest.mark.parametrize("proxy", ["ftp://ada:topsecret@proxy.example", "socks5://127.0.0.1:9"])
def test_says_that_a_proxy_cannot_be_used(proxy, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    fetch = HttpFetch()

    with pytest.raises(FetchFailed, match="proxy") as failed:
        fetch(Request(method="GET", url="https://auth.example.com/x"))

    assert "topsecret" not in str(failed.value)
    fetch.close()

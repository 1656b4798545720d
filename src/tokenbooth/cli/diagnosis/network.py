"""Look at the way to a host: proxy, name, connection and certificate."""

import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

from tokenbooth.cli.diagnosis.case import Case
from tokenbooth.cli.diagnosis.certificate import check_certificate
from tokenbooth.cli.diagnosis.finding import Finding, failed, ok, skipped, warning
from tokenbooth.cli.failures import Outcome
from tokenbooth.protocol.errors import printable
from tokenbooth.remote.deadline import Deadline
from tokenbooth.remote.proxy import Proxy, ProxyUnusable, proxy_for

_LONGEST_HEAD = 16_384
_PROXY_VARIABLES = "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY"


def check_way(case: Case, url: str, timeout: float) -> Iterator[Finding]:
    """Examine the way to the host of `url`, step by step, unless that was done already."""
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    if (host, port) in case.examined:
        return
    case.examined.add((host, port))
    try:
        proxy = proxy_for(url)
    except ProxyUnusable as error:
        fix = f"Correct or unset the proxy variables ({_PROXY_VARIABLES})."
        yield failed("proxy", Outcome.NETWORK, f"A proxy variable cannot be used: {error}", fix)
        return
    if proxy is None:
        yield ok("proxy", f"none is in use for {host}")
    else:
        yield ok("proxy", f"{proxy.shown} is in use for {host}")
        if proxy.scheme != "http" or not is_tls:
            yield skipped("tcp", "the proxy connects: see what the requests below say")
            return
    deadline = Deadline(case.clock, timeout)
    yield from _step_by_step(case, host, port, proxy, deadline, is_tls=is_tls)


def _step_by_step(
    case: Case, host: str, port: int, proxy: Proxy | None, deadline: Deadline, *, is_tls: bool
) -> Iterator[Finding]:
    near = (host, port) if proxy is None else (proxy.host, proxy.port)
    addresses: list[str] = []
    yield _look_up(*near, addresses, is_proxy=proxy is not None)
    found: list[socket.socket] = []
    if addresses:
        yield _connect(addresses, near[1], found, deadline)
    if not found:
        return
    with closing(found[0]) as connection:
        if proxy is not None:
            tunnelled = _tunnel(connection, proxy, f"{host}:{port}", deadline)
            yield tunnelled
            if tunnelled.verdict == "failed":
                return
        if not is_tls:
            yield skipped("tls", "plain http: whoever is on the way reads secrets and tokens")
        elif case.tls is not None:
            yield check_certificate(
                connection,
                (host, port),
                case.tls,
                deadline,
                clock=case.clock,
                is_direct=proxy is None,
            )


def _look_up(host: str, port: int, addresses: list[str], *, is_proxy: bool) -> Finding:
    whose = "the proxy's name " if is_proxy else ""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no name"
        return failed(
            "dns",
            Outcome.NETWORK,
            f"{whose}{host} cannot be looked up: {why}",
            f"Check the spelling of {host}.",
            "Check that this machine may ask a name server that knows it: inside a VPN, a "
            "container or a cluster, names differ.",
            f"Set the proxy ({_PROXY_VARIABLES}) if names outside are only known to it.",
        )
    addresses += dict.fromkeys(str(each[4][0]) for each in found)
    shown = ", ".join(addresses[:4]) + (", ..." if len(addresses) > 4 else "")
    return ok("dns", f"{whose}{host} is {shown}")


def _connect(
    addresses: list[str], port: int, found: list[socket.socket], deadline: Deadline
) -> Finding:
    """Connect to the first address that takes it, each within its share of the time."""
    whys = []
    for number, address in enumerate(addresses):
        share = deadline.remaining() / (len(addresses) - number)
        if share <= 0:
            break
        try:
            found.append(socket.create_connection((address, port), timeout=share))
        except (OSError, OverflowError) as error:
            whys.append(f"{address}: {getattr(error, 'strerror', None) or 'no answer in time'}")
            continue
        seen = f"connected to {address}, port {port}"
        if not whys:
            return ok("tcp", seen)
        return warning(
            "tcp",
            f"{seen}, but not to {'; '.join(whys)}",
            "Make that address reachable or take it out of DNS: every connection may wait for it.",
        )
    return failed(
        "tcp",
        Outcome.NETWORK,
        f"no connection to port {port} ({'; '.join(whys)})",
        "Check host and port: a refused connection means that nobody listens there.",
        "Ask for the firewall to be opened: no answer in time means that packets are dropped.",
        f"Set a proxy ({_PROXY_VARIABLES}) if this network wants one.",
    )


def _tunnel(connection: socket.socket, proxy: Proxy, authority: str, deadline: Deadline) -> Finding:
    """Ask the proxy for a way through (RFC 9110 §9.3.6)."""
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
    head = b""
    try:
        connection.settimeout(max(deadline.remaining(), 0.1))
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
            connection.settimeout(max(deadline.remaining(), 0.001))
            # Byte by byte: what follows the head belongs to TLS.
            piece = connection.recv(1)
            if not piece:
                break
            head += piece
    except OSError:
        head = b""
    status = head.split(b"\r\n", 1)[0].decode("latin-1")
    words = status.split(" ", 2)
    if len(words) > 1 and words[0].startswith("HTTP/1.") and words[1] == "200":
        return ok("tunnel", f"{proxy.shown} lets through to {authority}")
    causes = ["Check that the proxy's address is right, and that a proxy listens there."]
    if words[1:2] == ["407"]:
        causes = ["Give the proxy's user name and password: HTTPS_PROXY=http://user:password@..."]
    elif words[0].startswith("HTTP/"):
        causes = [
            f"Ask for {authority} to be allowed by the proxy.",
            f"Put the host into NO_PROXY, if it is reached without {proxy.shown}.",
        ]
    said = f"answered {printable(status, 100)}" if status else "gave no answer"
    return failed("tunnel", Outcome.NETWORK, f"{proxy.shown} {said} to CONNECT {authority}",
                  *causes)  # fmt: skip

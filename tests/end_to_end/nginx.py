"""A real nginx that ends TLS in front of the service, configured as deploy/ ships it."""

import contextlib
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

HOW = "nginx is not installed; the tests of proxies need it: apt-get install nginx-light"
SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx" / "tokenbooth.conf"

# What a distribution's nginx.conf has around conf.d/*.conf.
_AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tokenbooth.conf;
}}
"""


@dataclass(frozen=True, kw_only=True)
class Nginx:
    process: subprocess.Popen
    url: str
    folder: Path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def program():
    """Where nginx is."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    assert found, HOW
    return found


def fitted(folder, port, upstreams, *, verify="optional"):
    """The shipped configuration with these addresses and files; `verify` None: no certificates."""
    text = SHIPPED.read_text("utf-8")
    (node,) = re.findall(r"^ *server 127\.0\.0\.1:8080 .*\n", text, re.MULTILINE)
    nodes = [node.replace("127.0.0.1:8080", url.rpartition("/")[2]) for url in upstreams]
    replaced = {
        node: "".join(nodes),
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "/etc/tokenbooth/tls/chain.pem": f"{folder}/server.pem",
        "/etc/tokenbooth/tls/key.pem": f"{folder}/server.key",
    }
    if verify is not None:
        replaced |= {
            "#ssl_client_certificate /etc/tokenbooth/tls/client-authorities.pem;": (
                f"ssl_client_certificate {folder}/ca.pem;"
            ),
            "#ssl_verify_client optional;": f"ssl_verify_client {verify};",
        }
    for shipped, ours in replaced.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, ours)
    return text


def write(folder, port, upstreams, **variant):
    """Write the whole configuration into the folder and return its main file."""
    (folder / "tokenbooth.conf").write_text(fitted(folder, port, upstreams, **variant))
    configuration = folder / "nginx.conf"
    configuration.write_text(_AROUND.format(folder=folder))
    return configuration


@contextlib.contextmanager
def nginx(folder, port, *upstreams, **variant):
    """Run nginx while inside; `folder` holds server.pem, server.key and ca.pem."""
    configuration = write(folder, port, upstreams, **variant)
    command = [program(), "-c", str(configuration), "-p", str(folder), "-e", f"{folder}/error.log"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            assert process.poll() is None, process.stderr.read().decode()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        yield Nginx(process=process, url=f"https://127.0.0.1:{port}", folder=folder)
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()

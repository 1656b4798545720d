"""A real nginx that ends TLS in front of the service."""

import contextlib
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

HOW = "nginx is not installed; the tests of proxies need it: apt-get install nginx-light"

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_client_certificate {folder}/ca.pem;
    ssl_verify_client {verify};
    ssl_session_tickets off;
    server {{
        listen 127.0.0.1:{port} ssl;
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            {headers}
        }}
    }}
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


@contextlib.contextmanager
def nginx(folder, port, upstream, *, verify="optional", headers=""):
    """Run nginx while inside; `folder` holds server.pem, server.key and ca.pem."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    assert program, HOW
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder, port=port, upstream=upstream, verify=verify, headers=headers
        )
    )
    command = [program, "-c", str(configuration), "-p", str(folder), "-e", f"{folder}/error.log"]
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

"""nginx takes the shipped configuration; tests/end_to_end/test_tls_proxy.py drives it."""

import subprocess

import pytest

from tests.end_to_end.nginx import free_port, program, write
from tests.protocol.certificates import make


@pytest.mark.parametrize("verify", [None, "optional", "optional_no_ca"])
@pytest.mark.parametrize("nodes", [1, 3])
def test_nginx_takes_it(tmp_path, verify, nodes):
    own = make("CN=auth.example.com", is_ca=True)
    own.write(tmp_path, "server")
    (tmp_path / "ca.pem").write_bytes(own.pem)
    upstreams = [f"http://127.0.0.1:{8080 + number}" for number in range(nodes)]
    configuration = write(tmp_path, free_port(), upstreams, verify=verify)

    tried = subprocess.run(
        [program(), "-t", "-c", configuration, "-p", tmp_path, "-e", tmp_path / "error.log"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 0, tried.stderr
    assert "warn" not in tried.stderr

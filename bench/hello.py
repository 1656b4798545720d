"""The least that one HTTP exchange costs: the same server and settings, and no work at all."""

import sys

from tokenbooth.server.exchange import Receive, Scope, Send


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the form and answer with two bytes."""
    if scope["type"] != "http":
        return
    message = await receive()
    while message.get("more_body", False):
        message = await receive()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
        }
    )
    await send({"type": "http.response.body", "body": b"{}"})


def main(port: str, certificate: str | None = None, key: str | None = None) -> None:
    """Serve it, over TLS where a certificate and its key are given."""
    import uvicorn

    uvicorn.run(
        hello,
        port=int(port),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

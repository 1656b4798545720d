"""Whole answers of the application, held back until all is known that their headers say."""

from dataclasses import dataclass

from tokenbooth.server.exchange import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """Return the header of that name, in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def without(self, *names: bytes) -> Headers:
        """Return the other headers."""
        return [(key, value) for key, value in self.headers if key.lower() not in names]

    async def send(self, send: Send) -> None:
        """Send it."""
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


async def answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """Return what the application answers; what is managed fits into memory."""
    status, headers, parts = 500, Headers(), list[bytes]()

    async def take(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, take)
    return Answer(status, headers, b"".join(parts))

"""Style sheets and scripts, from memory, kept by browsers for good."""

from functools import cache
from importlib import resources

_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
HEADERS = (
    # Their address changes whenever one of them does.
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"x-content-type-options", b"nosniff"),
)


@cache
def static_file(name: str) -> tuple[bytes, bytes] | None:
    """Return the bytes and media type of `console.css` or `vendor/pico.min.css`, or None."""
    return _static_files().get(name)


@cache
def _static_files() -> dict[str, tuple[bytes, bytes]]:
    folder = resources.files("tokenbooth.console") / "static"
    found = {}
    for prefix, place in (("", folder), ("vendor/", folder / "vendor")):
        for file in place.iterdir():
            media_type = _TYPES.get("." + file.name.rpartition(".")[2])
            if file.is_file() and media_type is not None:
                found[prefix + file.name] = (file.read_bytes(), media_type)
    return found

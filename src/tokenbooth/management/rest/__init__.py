"""The management API over HTTP, at /api/v1: what `mount` returns; FastAPI is loaded when asked."""

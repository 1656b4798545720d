"""The token service."""

from importlib.util import find_spec

if find_spec("structlog") is None:  # one of the extra's packages stands for all
    _MESSAGE = "The token service needs more packages: pip install 'tokenbooth[server]'"
    raise ModuleNotFoundError(_MESSAGE, name="structlog")

"""The Wycheproof vectors are public data beside the repository, not in it."""

from tests.protocol.wycheproof import VECTORS

# Not skipped but absent: without the data there is nothing to test.
collect_ignore = [] if VECTORS.is_dir() else ["test_wycheproof.py"]

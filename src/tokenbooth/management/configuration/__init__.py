"""The whole service in files: read, compared with what is there, applied, written."""

"""The pages, one file a subject; each has a tuple PAGES, and `all_pages.py` puts them together."""

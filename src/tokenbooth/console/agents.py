"""Browsers in words, as people tell them apart in a list of sessions."""

# In this order: most browsers also name those whose pages they want to be given.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_words(agent: str) -> str:
    """Return what a User-Agent says: "Firefox on Linux", or its beginning when that is unknown."""
    browser = next((words for part, words in _BROWSERS if part in agent), None)
    system = next((words for part, words in _SYSTEMS if part in agent), None)
    if browser is None:
        return agent[:60] or "An unknown browser"
    return f"{browser} on {system}" if system else browser

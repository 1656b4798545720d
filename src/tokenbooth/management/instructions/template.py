"""Fill the gaps of a template; what is filled in is never looked at again."""

import re

_GAP = re.compile(r"(?m)^(?P<indent>[ \t]*)<<(?P<line>\w+)>>\n|<<(?P<word>\w+)>>")


def fill(template: str, **values: str) -> str:
    """Put each value where its name stands between << and >>.

    A line that holds nothing but a gap goes away where the value is empty; a value of several
    lines is indented as its gap is.
    """

    def filled(found: re.Match[str]) -> str:
        if found["line"] is None:
            return values[found["word"]]
        lines = values[found["line"]].rstrip("\n").split("\n")
        return "".join(f"{found['indent']}{line}\n" for line in lines if line or len(lines) > 1)

    return _GAP.sub(filled, template)

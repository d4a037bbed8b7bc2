"""The pages of the documentation, their sections, and the blocks of code in them."""

import os
import re
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages():
    """README.md, the other pages at the top, and those of docs, as paths below the top."""
    found = [SOURCE / "README.md", *sorted(SOURCE.glob("*.md")), *sorted((SOURCE / "docs").rglob("*.md"))]
    return list(dict.fromkeys(path.relative_to(SOURCE).as_posix() for path in found))


def text(page, heading=None):
    """All of a page, or what stands below one of its second headings."""
    all_of_it = (SOURCE / page).read_text()
    if heading is None:
        return all_of_it
    _, found, rest = all_of_it.partition(f"\n## {heading}\n")
    if not found:
        raise KeyError(f"{page} has no heading '## {heading}'")
    return rest.partition("\n## ")[0]


def blocks(page, heading=None):
    """(language, code) of each block, "" for a block without a language."""
    return FENCE.findall(text(page, heading))


def block(page, heading, language):
    """The code of the first block in a language."""
    return next(code for kind, code in blocks(page, heading) if kind == language)

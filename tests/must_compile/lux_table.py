"""Compiles a use of every name in docs/lux.md: lux_table.py PAGE OUTPUT COMPILER...

In each table of the page the second column has names of the namespace luxtorch, or of at (an operator of torch, with
its header), or it is "none" and the third one says why. A compiler's error names the line of the page.
"""

import pathlib
import re
import subprocess
import sys

NAME = re.compile(r"(?:\w+::)*\w+")
CODE = re.compile(r"`([^`]*)`")


def rows(page: str) -> list[tuple[int, str, str, str]]:
    """(line, Lux's names, names here, note) of every row below the heads of the tables."""
    found = []
    for number, line in enumerate(page.splitlines(), 1):
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 3:
            sys.exit(f"line {number}: expected 3 cells, got {len(cells)}: {line}")
        found.append((number, *cells))
    return found


def names(number: int, here: str, note: str) -> list[str]:
    if here == "none":
        return [] if note else sys.exit(f"line {number}: none, and no reason why")
    found = CODE.findall(here)
    if ", ".join(f"`{name}`" for name in found) != here or not all(NAME.fullmatch(name) for name in found):
        sys.exit(f"line {number}: expected names in code, with commas between them, or none; got {here}")
    return found


def program(page: str) -> str:
    uses, headers = [], set()
    for number, _, here, note in rows(page):
        for name in names(number, here, note):
            if name.startswith("at::"):
                headers.add(f"#include <ATen/ops/{name[4:]}.h>")
            whole = name if name.startswith("at::") else f"luxtorch::{name}"
            uses += [f'#line {number} "docs/lux.md"', f"  {{ using {whole}; }}"]
    if len(uses) < 400:
        sys.exit(f"only {len(uses) // 2} names are found: is the page written in another way?")
    return "\n".join(["#include <luxtorch/luxtorch.h>", *sorted(headers), "void names() {", *uses, "}"]) + "\n"


def main(page: str, output: str, *compiler: str) -> int:
    pathlib.Path(output).write_text(program(pathlib.Path(page).read_text()))
    return subprocess.run([*compiler, output]).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

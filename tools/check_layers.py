#!/usr/bin/env python3
"""Checks who may include whom: each file has a level and includes only lower levels or its own folder.

    check_layers.py [ROOT]      prints each offending include; exit status 1 when there is one
    check_layers.py --table     prints the levels as a table of Markdown, as docs/architecture.md has it

Levels go by folder under include/luxtorch and src, and by name for the files beside the folders.
`src/NAME.cpp` and `src/NAME_*.cpp` have the level of `include/luxtorch/NAME.h`.
"""

import re
import sys
from pathlib import Path

# Lowest first. ops stand on kernels, all other folders of one level know nothing of each other.
FOLDERS = {
    "core": 0,
    "kernels/random": 0.9,  # what keys draw
    "kernels": 1,
    "kernels/dense": 1.2,
    "kernels/recurrent": 1.2,
    "ops": 1.5,
    "ops/recurrent": 1.6,
    "python": 2,  # operators for Python, which know no trees
    "io/base": 2.1,  # what every file format stands on
    "io/hdf5": 2.2,
    "io/zip": 2.2,
    "io/libhdf5": 2.3,
    "io/jld2": 2.4,
    "io/numpy": 2.4,
    "io/safetensors": 2.4,
    "io/torch": 2.4,
    "io": 2.5,  # chooses among the formats
    "layers": 3,
    "interop": 3.5,  # its maps know the layers
    "data": 3,
    "autodiff": 4,
    "losses": 4.1,
    "optim": 4.1,
    "train": 4.2,
    "metrics": 4.2,
    "checkpoint": 5,
    "distributed": 6,
    "fit": 6.5,
}
FILES = {
    "version": 0.5,
    "fit/axis": 0.5,  # curves for terminals, without torch
    "fit/plot": 0.5,
    "fit/terminal": 0.5,
    "utf8": 0,
    "text": 1,
    "transforms": 1,
    "autograd_node": 1,
    "rng": 1,
    "tree": 1,
    "ties": 1,
    "tie_numbers": 1,
    "mismatches": 1,
    "tree_conversion": 1,
    "group": 1.1,
    "init": 2,
    "autocast": 1,
    "structure_only": 1,
    "layer": 2,
    "layer_summary_output": 2.2,  # writes JSON
    "compact": 2,
    "io/hdf5": 2,  # public headers, which know the tree alone
    "io/jld2": 2,
    "io/numpy": 2,
    "io/report": 2,
    "io/safetensors": 2,
    "io/sha256": 2,
    "io/torch_archive": 2,
    "luxtorch": 7,
}
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
TORCH = re.compile(r"^(ATen|torch|c10|caffe2)/")


def level(path):
    """Level of a path below include/luxtorch or src, or None when the table knows nothing of it."""
    stem = path.with_suffix("").as_posix()
    while stem:
        if stem in FILES:
            return FILES[stem]
        stem = stem.rpartition("_")[0]
    for folder in path.parents:
        if folder.as_posix() in FOLDERS:
            return FOLDERS[folder.as_posix()]
    return None


def resolve(root, file, quoted, text):
    """The path below include/luxtorch or src that an include of ours names, else None."""
    if text.startswith("luxtorch/"):
        return Path(text).relative_to("luxtorch")
    if quoted:
        for base in (file.parent, root / "src"):
            if (base / text).is_file() and (base / text).is_relative_to(root / "src"):
                return (base / text).resolve().relative_to((root / "src").resolve())
    return None


def offences(root):
    for base in (root / "include/luxtorch", root / "src"):
        for file in sorted(p for p in base.rglob("*") if p.suffix in (".h", ".cpp", ".inc")):
            path = file.relative_to(base)
            mine = level(path)
            where = file.relative_to(root)
            if mine is None:
                yield f"{where}: has no level; name it in {Path(__file__).name}"
                continue
            for match in INCLUDE.finditer(file.read_text()):
                quoted, text = match.group(1) == '"', match.group(2)
                if path.parts[0] == "kernels" and TORCH.match(text):
                    yield f"{where}: kernels are plain C++, but it includes {text}"
                target = resolve(root, file, quoted, text)
                if target is None:
                    continue
                theirs = level(target)
                same_folder = path.parent == target.parent
                if theirs is None or theirs > mine or (theirs == mine and not same_folder):
                    yield f"{where} (level {mine}) includes {text} (level {theirs})"


def table():
    """The levels, lowest first, with the folders and the files beside folders that have them."""
    rows = ["| level | folders | single files |", "|---|---|---|"]
    for number in sorted({*FOLDERS.values(), *FILES.values()}):
        folders = ", ".join(f"`{name}/`" for name in sorted(FOLDERS) if FOLDERS[name] == number)
        files = ", ".join(f"`{name}`" for name in sorted(FILES) if FILES[name] == number)
        rows.append(f"| {number:g} | {folders} | {files} |")
    return "\n".join(rows)


def main():
    if sys.argv[1:] == ["--table"]:
        print(table())
        return
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])
    found = list(offences(root))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

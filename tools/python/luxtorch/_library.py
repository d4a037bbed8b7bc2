"""Finds and loads the operators, or says why they cannot be had."""

import mmap
import os
import re
from pathlib import Path

import torch

NAME = "libluxtorch_python.so"
HERE = Path(__file__).resolve().parent
BUILT_WITH = re.compile(rb"luxtorch was built with torch ([0-9.]+)")


def folders():
    """Where the library may be, best first."""
    if named := os.environ.get("LUXTORCH_LIBRARY"):
        named = Path(named)
        return [named if named.is_dir() else named.parent]
    found = [HERE]
    if HERE.parts[-3:-1] == ("tools", "python"):
        found.append(HERE.parents[2] / "build" / os.environ.get("LUXTORCH_PRESET", "release") / "lib")
    return found


def find():
    for folder in folders():
        if (folder / NAME).exists():
            return folder / NAME
    raise ImportError(
        f"luxtorch: {NAME} is in none of: {', '.join(map(str, folders()))}. "
        "Build it by `tools/build luxtorch_python` in luxtorch's repository, or name its folder in LUXTORCH_LIBRARY.")


def torch_of(library):
    """The version of torch that the library was built with, such as 2.13.0."""
    with open(library, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = BUILT_WITH.search(content)
        return found[1].decode() if found else "unknown"


def load():
    library = find()
    built, here = torch_of(library), torch.__version__.split("+")[0]
    what_to_do = (f"Install torch {built}, or build luxtorch again with this one: "
                  "LUXTORCH_PYTHON=/path/to/this/python tools/build luxtorch_python in its repository, "
                  "and `pip install` its tools/python again.")
    if built != here:
        raise ImportError(f"luxtorch: {library} was built with torch {built}, and this is torch {torch.__version__}. "
                          + what_to_do)
    try:
        torch.ops.load_library(str(library))
    except OSError as error:
        raise ImportError(f"luxtorch: {library}, built with torch {built}, cannot be loaded beside torch "
                          f"{torch.__version__}: {error}. {what_to_do}") from error

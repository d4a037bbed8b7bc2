"""Who takes part, and how each is started: a process with so many threads and as many processors."""

import functools
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import interleaved  # noqa: E402

# Name, what is started, and in words, {} for LSTM, GRU or RNN.
CASES = {
    "luxtorch_recurrence": (("luxtorch_recurrence",), "luxtorch, Recurrence({}Cell)"),
    "luxtorch_struct": (("luxtorch_struct",), "luxtorch, a struct's loop over {}Cell"),
    "luxtorch_compact": (("luxtorch_compact",), "luxtorch, compact's loop over {}Cell"),
    "luxtorch_python": (("luxtorch_python.py",), "luxtorch in Python, luxtorch.nn.{}"),
    "luxtorch_compiled": (("luxtorch_python.py", "compiled"), "luxtorch in Python, torch.compile of luxtorch.nn.{}"),
    "libtorch_module": (("libtorch", "module"), "LibTorch in C++, nn::{}"),
    "libtorch_cells": (("libtorch", "cells"), "LibTorch in C++, a loop over nn::{}Cell"),
    "pytorch_module": (("pytorch_module.py",), "PyTorch, nn.{}"),
    "pytorch_cells": (("pytorch_cells.py",), "PyTorch, a loop over nn.{}Cell"),
    "compiled_module": (("pytorch_module.py", "compiled"), "PyTorch, torch.compile of nn.{}"),
    "compiled_cells": (("pytorch_cells.py", "compiled"), "PyTorch, torch.compile of the loop"),
    "jax_scan": (("jax_scan.py",), "JAX, lax.scan under jit"),
}
OURS, OUR_LOOP = "luxtorch_recurrence", "luxtorch_struct"


def words(name, cell="lstm"):
    return CASES[name][1].format(cell.upper())


def command(programs, program, *arguments):
    if program.endswith(".py"):
        return [sys.executable, HERE / program, *arguments]
    if not (programs / program).exists():
        raise interleaved.Skipped("it is not built")
    return [programs / program, *arguments]


def start_one(options, name):
    """The competitor, ready. Skipped where it cannot run, Failed where it uses other threads."""
    library = options.programs.absolute().parents[1] / "lib"
    return interleaved.start(name, command(options.programs, *CASES[name][0]), options.threads,
                             {"LUXTORCH_LIBRARY": str(library)})


def start(options, names, stack, file, what="step"):
    """The competitors that can do the problem."""
    starts = {name: functools.partial(start_one, options, name) for name in names}
    return interleaved.opened(starts, OURS, stack, file, what)


def chosen(options, names):
    """Those of names that --case names too, and ours."""
    return [name for name in names if name in options.case or name == OURS]

"""A case of the comparison: what Python PyTorch computes, and the data for both sides.

    @case("layers/dense")
    def dense(nn, rng):
        return Case("Dense 32 => 64, tanh, Dense 64 => 10; batch 128",
                    model=nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 10)), loss=nn.MSELoss(),
                    x=rng.standard_normal((8, 128, 32)), y=rng.standard_normal((8, 128, 10)))

cases/NAME.cpp has a case of the same name. Knows neither torch nor jax, so that each competitor imports
only what it runs on.
"""

import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


@dataclasses.dataclass
class Case:
    """What a case's function makes; called with the same rng it makes the same data.

    x (or each array of a tuple) and y have the batches in front: step i takes batch i modulo their number.
    Floating arrays are cast to the comparison's dtype, integers stay. loss(model(*x), y) is a tensor
    without dimensions.
    """

    words: str
    model: Any
    loss: Callable
    x: Any
    y: Any


@dataclasses.dataclass
class Entry:
    """A case that is known, not made. The name's part before '/' is its group."""

    name: str
    make: Callable  # (nn, rng) -> Case
    optimisers: tuple
    lr: dict  # by optimiser
    all_steps: float | None  # the largest difference of float64 losses over all steps, else only drawn
    recurrent: bool  # it has an nn.LSTM, GRU or RNN, which luxtorch.nn and a loop over cells can stand for
    random: bool  # its values are drawn anew by each side: only its times are compared
    jax: Callable | None  # (ps by PyTorch's names, x, y) -> loss, in JAX


ENTRIES = {}


def case(name, optimisers=("adam",), lr=1e-3, all_steps=None, recurrent=False, random=False, jax=None):
    """Makes the function a case. optimisers are names of optimisers.py; lr is one for all of them, or
    one each: {"adam": 1e-3, "momentum": 1e-1}."""

    def register(make):
        if name in ENTRIES:
            raise ValueError(f"two cases are called {name}")
        lrs = lr if isinstance(lr, dict) else dict.fromkeys(optimisers, lr)
        ENTRIES[name] = Entry(name, make, tuple(optimisers), lrs, all_steps, recurrent, random, jax)
        return make

    return register


def load(folder):
    """The cases of a folder's Python files, in the files' order; files that begin with _ are for the
    others to import. ImportError, which names the file, for one that cannot be run."""
    sys.path.append(str(folder))  # behind the standard library, which no file there replaces
    for file in sorted(Path(folder).glob("[!_]*.py")):
        spec = importlib.util.spec_from_file_location(f"cases_{file.stem}", file)
        try:
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        except Exception as error:
            raise ImportError(f"{file}: {type(error).__name__}: {error}") from error
    return ENTRIES

#!/usr/bin/env python3
"""Writes the golden values that tests compare with: tests/golden/TOPIC.json for each topic.

    generate.py [TOPIC...]     all of them without a name; needs a Python with torch and numpy,
                               and scikit-learn for metrics

A topic is a file TOPIC.py beside this one with a function `generate()`, or a layer, modules/NAME
(modules/_generate.py tells what its file has). The function returns nested dicts and lists of
arrays (torch or NumPy: float64, float32, int64, bool), numbers, booleans, strings and None. Keys have no dots.
Weights and inputs are fixed by a formula (see `values`), not drawn, so that a file can be made again.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "tests" / "golden"


def nested(state_dict):
    """A state dict as a tree, by its names' dots."""
    tree = {}
    for name, tensor in state_dict.items():
        *path, last = name.split(".")
        node = tree
        for key in path:
            node = node.setdefault(key, {})
        node[last] = tensor.detach().clone()
    return tree


def values(*shape, seed=0, scale=1.0, shift=0.0, dtype=torch.float64):
    """A tensor of fixed numbers between shift - scale and shift + scale, of the shape given; no two seeds agree."""
    count = int(np.prod(shape))
    k = np.arange(1, count + 1, dtype=np.float64)
    numbers = shift + scale * np.sin(k * 1.7 + seed * 0.61 + 0.003 * k * k)
    return torch.from_numpy(numbers.reshape(shape)).to(dtype)


def number(x):
    if np.isnan(x):
        return "nan"
    if np.isinf(x):
        return "inf" if x > 0 else "-inf"
    return float(x)


def text(value, indent=0):
    """JSON with an array on one line, so that a change is a line in a diff. Floats are written to the last bit."""
    pad = " " * (indent + 1)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj().numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value)
        name = str(value.dtype)
        if name not in ("float64", "float32", "int64", "bool"):
            raise TypeError(f"no place for {name} in a golden file")
        flat = value.ravel().tolist()
        data = [number(x) for x in flat] if name.startswith("float") else flat
        return json.dumps({"dtype": name, "shape": list(value.shape), "data": data}, allow_nan=False)
    if isinstance(value, dict):
        if any("." in key for key in value):
            raise ValueError(f"a key with a dot: {list(value)}")
        inner = ",\n".join(f"{pad}{json.dumps(k)}: {text(v, indent + 1)}" for k, v in value.items())
        return "{\n" + inner + "\n" + " " * indent + "}" if value else "{}"
    if isinstance(value, (list, tuple)):
        inner = ",\n".join(pad + text(v, indent + 1) for v in value)
        return "[\n" + inner + "\n" + " " * indent + "]" if value else "[]"
    return json.dumps(value, allow_nan=False)


def main(topics):
    torch.set_num_threads(1)
    TARGET.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(HERE))
    topics = topics or sorted(p.stem for p in HERE.glob("*.py") if p.stem != Path(__file__).stem) + sorted(
        f"modules/{p.stem}" for p in HERE.glob("modules/[!_]*.py"))
    for topic in topics:
        torch.manual_seed(0)
        folder, _, name = topic.rpartition("/")
        made = importlib.import_module("modules._generate").generate(name) if folder else importlib.import_module(topic).generate()
        path = TARGET / f"{topic}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text(made) + "\n")
        print(f"{path.relative_to(HERE.parents[1])}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])

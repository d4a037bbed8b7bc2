#!/usr/bin/env python3
"""compare_state_dicts.py FOLDER - do torch.nn's modules take our state dicts, and compute what our models did?

Each NAME.pt (and NAME.safetensors, where that package is installed) is loaded strictly by the module NAME below, with
weights_only=True; its output for x of NAME.npz must be y, to 2e-5 of the largest. Exit status 1 and one line per
difference, 77 without PyTorch or NumPy.
"""
import pathlib
import sys

try:
    import numpy
    import torch
except ImportError:
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/golden"))
from modules._transformer_block import Block
from state_dicts import Tagger, nn

MODULES = {
    "lstm_3": lambda: nn.LSTM(2, 3, 3, batch_first=True),
    "gru_both": lambda: nn.GRU(2, 3, 2, bias=False, batch_first=True, bidirectional=True),
    "rnn_relu": lambda: nn.RNN(2, 3, nonlinearity="relu", batch_first=True),
    "lstm_both": lambda: nn.LSTM(2, 3, batch_first=True, bidirectional=True),
    "gru_cell": lambda: nn.GRUCell(2, 3),
    "sequential": lambda: nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)),
    "trained": lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1)),
    "tagger": Tagger,
    "rotary": lambda: Block(8, 4, 2, 5, 6),
}


def state_dicts(path):
    yield torch.load(path, weights_only=True)
    try:
        from safetensors.torch import load_file
    except ImportError:
        return
    yield load_file(path.with_suffix(".safetensors"))


def main():
    folder = pathlib.Path(sys.argv[1])
    found = {path.stem for path in folder.glob("*.pt")}
    failed = 0
    if found != set(MODULES):
        failed = 1
        print(f"files {sorted(found)}, expected {sorted(MODULES)}")
    for name in sorted(found & set(MODULES)):
        with numpy.load(folder / f"{name}.npz") as file:
            x, expected = (torch.from_numpy(file[key]) for key in "xy")
        for state in state_dicts(folder / f"{name}.pt"):
            module = MODULES[name]()
            try:
                module.load_state_dict(state, strict=True)
            except RuntimeError as error:
                failed = 1
                print(f"{name}: {error}")
                continue
            y = module.eval()(x)
            y = y[0] if isinstance(y, tuple) else y
            apart = ((y - expected).abs().max() / expected.abs().max()).item() if y.shape == expected.shape else float("inf")
            if not apart <= 2e-5:
                failed = 1
                print(f"{name}: outputs are {apart} apart")
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""What the two Python PyTorch competitors share: the usual training loop's step."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import problem as problems  # noqa: E402
import turns  # noqa: E402

try:
    import torch
    from torch import nn
except ImportError as error:
    turns.skip(f"this Python has no PyTorch ({error})")


def take_turns(path, make, suffix=""):
    """make(problem) is the model, with .cell and .head; the cell's parameters end on suffix."""
    problem = problems.read(path)
    arrays = {name: torch.from_numpy(values.copy()) for name, values in problem.arrays.items()}
    x, y = arrays["x"], arrays["y"]

    def start():
        model = make(problem)
        with torch.no_grad():
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(model.cell, name + suffix).copy_(arrays[name])
            model.head.weight.copy_(arrays["weight"])
            model.head.bias.copy_(arrays["bias"])
        optimizer = torch.optim.Adam(model.parameters(), lr=problems.ADAM_LR)

        def step():
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    turns.take(f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}", start, torch.get_num_threads())

"""What the machine can do: one product of two 1024 x 1024 float32 matrices, by torch."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import turns

try:
    import torch
except ImportError as error:
    turns.skip(f"this Python has no PyTorch ({error})")


def open_problem(path, what):
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    c = torch.empty(1024, 1024)
    return lambda: (lambda: torch.mm(a, b, out=c), lambda: 0)


if __name__ == "__main__":
    turns.take(f"PyTorch {torch.__version__}", open_problem, torch.get_num_threads())

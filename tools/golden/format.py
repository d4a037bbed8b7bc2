"""One of everything that a golden file can hold, for the test of its reader."""

import numpy as np
import torch

from generate import values


def generate():
    tiny = np.nextafter(np.float32(0.1), np.float32(1))
    return {
        "float64": torch.tensor([[0.1, 1 / 3, -2.5e-310, 1e308]], dtype=torch.float64),
        "float32": torch.tensor([tiny, 1e-45, 3.4e38]),
        "int64": torch.tensor([[2**62 + 1], [-3]]),
        "bool": torch.tensor([True, False]),
        "special": torch.tensor([float("nan"), float("inf"), -float("inf")]),
        "empty": torch.zeros(0, 3),
        "zero_dim": torch.tensor(7.5, dtype=torch.float64),
        "transposed": values(2, 3, seed=1).T,
        "nested": {"list": [1, 2.5, "three", True, None, {}], "empty_list": []},
    }

"""Learning rates of torch.optim.lr_scheduler.ReduceLROnPlateau along fixed values of a metric."""

import warnings

import numpy as np
import torch
from torch.optim import lr_scheduler

EPOCHS = 60
NAN, INFINITY = float("nan"), float("inf")


def falling():
    """A loss with plateaus, steps that are just too small, a NaN and an infinity."""
    k = np.arange(EPOCHS, dtype=np.float64)
    loss = 2 * np.exp(-np.floor(k / 9) / 2) + 0.002 * np.sin(k * 2.3)
    loss[0], loss[20], loss[31] = INFINITY, NAN, INFINITY
    return loss


CASES = {
    "default": {"patience": 3},
    "absolute": {"patience": 2, "threshold": 0.01, "threshold_mode": "abs", "factor": 0.5},
    "cooldown": {"patience": 1, "cooldown": 3, "factor": 0.3, "min_lr": 1e-4},
    "impatient": {"patience": 0, "factor": 0.5, "eps": 1e-3},
    "higher": {"mode": "max", "patience": 2, "threshold": 0.05, "factor": 0.5},
    "higher_absolute": {"mode": "max", "patience": 1, "threshold": 0.003, "threshold_mode": "abs"},
}


def rates(options, values):
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [weights[0]], "lr": 0.1}, {"params": [weights[1]], "lr": 0.02}])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        seen = []
        for value in values:
            scheduler.step(value)
            seen.append([group["lr"] for group in optimizer.param_groups])
    return np.array(seen)


def generate():
    loss = falling()
    values = {"lower": loss, "higher": 3 - loss}
    return {"values": values,
            "rates": {name: rates(options, values["higher" if options.get("mode") == "max" else "lower"])
                      for name, options in CASES.items()}}

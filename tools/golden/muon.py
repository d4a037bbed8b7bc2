"""Ten steps of torch.optim.Muon on fixed gradients of matrices: the parameters after steps 1, 3 and 10."""

import torch

from generate import values

KEPT = (1, 3, 10)
SHAPES = {"tall": (7, 3), "wide": (4, 9), "square": (5, 5)}
CASES = {
    "muon": {"lr": 0.02},
    "plain": {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.0, "nesterov": False, "ns_steps": 3},
    "rms": {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "ns_coefficients": (2.0, -1.5, 0.5)},
}


def start(dtype):
    return {k: values(*s, seed=i, shift=3, dtype=dtype) for i, (k, s) in enumerate(SHAPES.items())}


def gradients(dtype):
    return [
        {k: values(*s, seed=10 * t + i, scale=0.3 * t, dtype=dtype) for i, (k, s) in enumerate(SHAPES.items())}
        for t in range(1, max(KEPT) + 1)
    ]


def run(dtype, options):
    ps = {k: v.clone().requires_grad_() for k, v in start(dtype).items()}
    optimizer = torch.optim.Muon(list(ps.values()), **options)
    kept = {}
    for t, g in enumerate(gradients(dtype), 1):
        for k, p in ps.items():
            p.grad = g[k].clone()
        optimizer.step()
        if t in KEPT:
            kept[f"after_{t}"] = {k: p.detach().clone() for k, p in ps.items()}
    return kept


def generate():
    return {
        name: {
            "start": start(dtype),
            "gradients": gradients(dtype),
            "cases": {case: run(dtype, options) for case, options in CASES.items()},
        }
        for name, dtype in (("float64", torch.float64), ("float32", torch.float32))
    }

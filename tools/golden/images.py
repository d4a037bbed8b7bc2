"""data::resize: torch.nn.functional.interpolate, with and without antialias, and its gradient."""

import torch
from generate import values
from torch.nn.functional import interpolate


def case(size, mode, antialias):
    x = values(1, 2, 9, 7, seed=1).requires_grad_()
    y = interpolate(x, size=size, mode=mode, antialias=antialias)
    (grad,) = torch.autograd.grad((y * values(*y.shape, seed=2)).sum(), x)
    return {"y": y, "grad": grad}


def generate():
    sizes = {"smaller": (4, 3), "larger": (13, 11), "mixed": (12, 5)}
    modes = {"bilinear": ("bilinear", False), "bilinear_antialias": ("bilinear", True), "bicubic": ("bicubic", False),
             "bicubic_antialias": ("bicubic", True), "nearest": ("nearest", False), "nearest_exact": ("nearest-exact", False)}
    cases = {name: {key: case(size, *mode) for key, size in sizes.items()} for name, mode in modes.items()}
    return {"x": values(1, 2, 9, 7, seed=1), "w": {key: values(1, 2, *size, seed=2) for key, size in sizes.items()}, "cases": cases}

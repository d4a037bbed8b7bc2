"""Containers of Dense layers: branches fused, pairs fused, the greatest of several, one layer again and again; with utility
layers around them. Cases as in layers.py."""

import torch
from torch.nn import functional as F

from layers import case, given


def affine(out_dims, in_dims, seed):
    return {"weight": given(out_dims, in_dims, seed=seed), "bias": given(out_dims, seed=seed + 1)}


def run(layer, x):
    return F.linear(x, layer["weight"], layer["bias"])


def generate():
    x = given(3, 4, seed=30)
    layers = {f"layer_{i + 1}": affine(4, 4, seed=31 + 2 * i) for i in range(3)}
    names = list(layers)

    def branches(ps, x):
        a, b, c = (torch.tanh(run(ps[name], x)) for name in names)
        return a * b + c, []

    def pairs(ps, x1, x2, x3, x4):
        y = x1
        for name, other in zip(names, (x2, x3, x4)):
            y = torch.tanh(run(ps[name], y)) * other
        return y, []

    def greatest(ps, x):
        return torch.amax(torch.stack([run(ps[name], x) for name in names]), 0), []

    def again(ps, x):
        y = x
        for _ in range(5):
            y = torch.tanh(run(ps, y))
        return y, []

    def again_injected(ps, x):
        y = x
        for _ in range(4):
            y = torch.tanh(run(ps, torch.cat([y, x], -1)))
        return y, []

    def turned(ps, x):
        y = torch.flip(torch.reshape(run(ps, x), (3, 2, 6)), [1])
        return torch.flatten(y.transpose(1, 2)[:, :, -1], 1), []

    inputs = {f"x{i + 1}": given(3, 4, seed=40 + i) for i in range(4)}
    return {
        "branches": case(branches, ps=layers, x=x),
        "pairs": case(pairs, ps=layers, **inputs),
        "greatest": case(greatest, ps=layers, x=x),
        "again": case(again, ps=layers["layer_1"], x=x),
        "again_injected": case(again_injected, ps=affine(4, 8, seed=50), x=x),
        "turned": case(turned, ps=affine(12, 4, seed=52), x=x),
    }

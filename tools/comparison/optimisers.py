"""The optimisers of the comparison by name, in PyTorch; optimisers.cpp has the same ones here.

Every number is stated, also where it is a default: the defaults here and there differ.
"""

import torch

ALL = {
    "sgd": lambda ps, lr: torch.optim.SGD(
        ps, lr=lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, fused=True),
    "momentum": lambda ps, lr: torch.optim.SGD(
        ps, lr=lr, momentum=0.9, dampening=0, weight_decay=0, nesterov=False, fused=True),
    "adam": lambda ps, lr: torch.optim.Adam(
        ps, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, fused=True),
    "adamw": lambda ps, lr: torch.optim.AdamW(
        ps, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, amsgrad=False, fused=True),
}


def make(name, parameters, lr):
    return ALL[name](list(parameters), lr)

"""The optimisers of the comparison by name, in PyTorch; optimisers.cpp has the same ones here.

Every number is stated, also where it is a default: the defaults here and there differ. Fused where PyTorch has
it, which is its fastest, but for adam_foreach, which tools/run small_networks tries as well.
"""

import torch


def clipped(ps, lr):
    optimiser = torch.optim.SGD(ps, lr=lr, momentum=0.9, dampening=0, weight_decay=0, nesterov=False, fused=True)
    optimiser.register_step_pre_hook(lambda *_: torch.nn.utils.clip_grad_value_(ps, 0.01))
    return optimiser


ALL = {
    "sgd": lambda ps, lr: torch.optim.SGD(
        ps, lr=lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, fused=True),
    "momentum": lambda ps, lr: torch.optim.SGD(
        ps, lr=lr, momentum=0.9, dampening=0, weight_decay=0, nesterov=False, fused=True),
    "nesterov": lambda ps, lr: torch.optim.SGD(
        ps, lr=lr, momentum=0.9, dampening=0, weight_decay=0, nesterov=True, fused=True),
    "adam": lambda ps, lr: torch.optim.Adam(
        ps, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, fused=True),
    "adam_foreach": lambda ps, lr: torch.optim.Adam(
        ps, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, foreach=True),
    "adam_l2": lambda ps, lr: torch.optim.Adam(
        ps, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05, amsgrad=False, fused=True),
    "adamw": lambda ps, lr: torch.optim.AdamW(
        ps, lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, amsgrad=False, fused=True),
    "adamax": lambda ps, lr: torch.optim.Adamax(
        ps, lr=lr, betas=(0.9, 0.999), eps=1e-30, weight_decay=0),
    "adagrad": lambda ps, lr: torch.optim.Adagrad(
        ps, lr=lr, lr_decay=0, weight_decay=0, initial_accumulator_value=1e-8, eps=1e-8, fused=True),
    "adadelta": lambda ps, lr: torch.optim.Adadelta(ps, lr=1.0, rho=0.9, eps=1e-8, weight_decay=0),
    "rmsprop": lambda ps, lr: torch.optim.RMSprop(
        ps, lr=lr, alpha=0.9, eps=1e-8, weight_decay=0, momentum=0, centered=False),
    "rmsprop_centred": lambda ps, lr: torch.optim.RMSprop(
        ps, lr=lr, alpha=0.9, eps=1e-8, weight_decay=0, momentum=0, centered=True),
    "rprop": lambda ps, lr: torch.optim.Rprop(ps, lr=lr, etas=(0.5, 1.2), step_sizes=(1e-6, 50)),
    "clipped": clipped,
}


def make(name, parameters, lr):
    return ALL[name](list(parameters), lr)

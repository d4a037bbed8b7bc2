"""Learning rates of torch.optim.lr_scheduler over 60 steps, and parameters trained with them.

Only schedules whose formula is ours too; the arguments stand in tests/optim/schedule_golden_test.cpp.
"""

import warnings

import numpy as np
import torch
from torch.optim import lr_scheduler

from optim import gradients, start

STEPS = 60
SCHEDULES = {
    "step": lambda o: lr_scheduler.StepLR(o, 7, gamma=0.5),
    "multi_step": lambda o: lr_scheduler.MultiStepLR(o, [5, 12, 30], gamma=0.3),
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.93),
    "polynomial": lambda o: lr_scheduler.PolynomialLR(o, total_iters=40, power=1.5),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=25, eta_min=0.002),
    "cosine_restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=11, eta_min=0.002),
    # Torch's phases end at steps pct_start * total - 1 and total - 1, counted from 0.
    "one_cycle": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=41, pct_start=11 / 41, div_factor=20,
                                                   final_div_factor=500),
    "triangular": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=6, mode="triangular", cycle_momentum=False),
    "triangular2": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=6, mode="triangular2", cycle_momentum=False),
    "exp_range": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=6, mode="exp_range", gamma=0.97,
                                                 cycle_momentum=False),
    "warmup_cosine": lambda o: lr_scheduler.SequentialLR(
        o,
        [lr_scheduler.LambdaLR(o, lambda step: (step + 1) / 10), lr_scheduler.CosineAnnealingLR(o, T_max=50)],
        milestones=[10],
    ),
}


def rates(make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = make(optimizer)
    total = getattr(scheduler, "total_steps", STEPS)
    found = []
    for t in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if t + 1 < total:
            scheduler.step()
    return torch.from_numpy(np.array(found))


def trained(make_optimizer, make_scheduler, dtype):
    """The parameters after ten steps on optim.py's gradients."""
    ps = {k: v.clone().requires_grad_() for k, v in start(dtype).items()}
    optimizer = make_optimizer(list(ps.values()))
    scheduler = make_scheduler(optimizer)
    for g in gradients(dtype):
        for k, p in ps.items():
            p.grad = g[k].clone()
        optimizer.step()
        scheduler.step()
    return {k: p.detach().clone() for k, p in ps.items()}


TRAINED = {
    "adam_cosine": (lambda p: torch.optim.Adam(p, lr=0.05), lambda o: lr_scheduler.CosineAnnealingLR(o, 8, 0.001)),
    "adamw_exponential": (lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1), lambda o: lr_scheduler.ExponentialLR(o, 0.7)),
    "sgd_step": (lambda p: torch.optim.SGD(p, lr=0.1), lambda o: lr_scheduler.StepLR(o, 3, gamma=0.5)),
}


def generate():
    warnings.filterwarnings("ignore", category=UserWarning)
    out = {"rates": {name: rates(make) for name, make in SCHEDULES.items()}}
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        out[name] = {
            "start": start(dtype),
            "gradients": gradients(dtype),
            "after": {case: trained(*make, dtype) for case, make in TRAINED.items()},
        }
    return out

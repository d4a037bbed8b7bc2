"""Ten steps of every optimiser on fixed gradients: the parameters after steps 1, 3 and 10.

Where Python PyTorch has an optimiser by the same formula, it is the reference; elsewhere Optimisers.jl's formula is
written out in NumPy. A case is a tree of parameters for each of those steps; the start and the gradients are shared by all.
"""

import numpy as np
import torch

from generate import values

STEPS = 10
KEPT = (1, 3, 10)
SHAPES = {"weight": (5, 7), "bias": (5,), "scale": ()}


def start(dtype):
    # Away from zero, where a difference has nothing to be compared with.
    return {k: values(*s, seed=i, shift=3, dtype=dtype) for i, (k, s) in enumerate(SHAPES.items())}


def gradients(dtype):
    # Of very different sizes, so that clipping bites at some arrays and steps and not at others.
    return [
        {k: values(*s, seed=10 * t + i, scale=0.3 * t, dtype=dtype) for i, (k, s) in enumerate(SHAPES.items())}
        for t in range(1, STEPS + 1)
    ]


def by_torch(make):
    def run(dtype):
        ps = {k: v.clone().requires_grad_() for k, v in start(dtype).items()}
        optimizer = make(list(ps.values()))
        steps = []
        for g in gradients(dtype):
            for k, p in ps.items():
                p.grad = g[k].clone()
            optimizer.step()
            steps.append({k: p.detach().clone() for k, p in ps.items()})
        return steps

    return run


def by_numpy(*rules):
    """Each rule is a function (state, g, x, t, all gradients) -> d of one array; states start empty."""

    def run(dtype):
        ps = {k: v.numpy().copy() for k, v in start(dtype).items()}
        states = {k: [{} for _ in rules] for k in ps}
        steps = []
        for t, g in enumerate(gradients(dtype), 1):
            d = {k: v.numpy() for k, v in g.items()}
            for i, rule in enumerate(rules):
                d = {k: rule(states[k][i], d[k], ps[k], t, d) for k in ps}
            ps = {k: np.asarray(ps[k] - d[k], dtype=ps[k].dtype) for k in ps}
            steps.append({k: torch.from_numpy(v.copy()) for k, v in ps.items()})
        return steps

    return run


def moments(s, g, b1, b2, begin=0.0):
    s["m"] = b1 * s.get("m", begin) + (1 - b1) * g
    s["v"] = b2 * s.get("v", begin) + (1 - b2) * g * g
    return s["m"], s["v"]


def descent(lr):
    return lambda s, g, x, t, all: lr * g


def nesterov(s, g, x, t, all, lr=0.001, rho=0.9):
    v = s.get("v", 0.0)
    s["v"] = rho * v - lr * g
    return -(rho**2) * v + (1 + rho) * lr * g


def adam(s, g, x, t, all, lr=0.01, b1=0.9, b2=0.999, e=1e-8):
    m, v = moments(s, g, b1, b2)
    return lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + e)


def adamw_decoupled(s, g, x, t, all):
    return adam(s, g, x, t, all) + 0.02 * x


def adamax(s, g, x, t, all, lr=0.01, b1=0.9, b2=0.999, e=1e-8):
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["u"] = np.maximum(b2 * s.get("u", 0.0), np.abs(g))
    return lr / (1 - b1**t) * s["m"] / (s["u"] + e)


def nadam(s, g, x, t, all, lr=0.01, b1=0.9, b2=0.999, e=1e-8):
    m, v = moments(s, g, b1, b2)
    ahead = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
    return lr * ahead / (np.sqrt(v * b2 / (1 - b2**t)) + e)


def radam(s, g, x, t, all, lr=0.01, b1=0.9, b2=0.999, e=1e-8):
    m, v = moments(s, g, b1, b2)
    longest = 2 / (1 - b2) - 1
    length = longest - 2 * t * b2**t / (1 - b2**t)
    if length <= 4:
        return lr * m / (1 - b1**t)
    r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    return lr * r * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + e)


def oadam(s, g, x, t, all):
    before = s.get("d", 0.0)
    s["d"] = adam(s.setdefault("adam", {}), g, x, t, all, lr=0.01, b1=0.5, b2=0.9)
    return 2 * s["d"] - before


def amsgrad(s, g, x, t, all, lr=0.01, b1=0.9, b2=0.999, e=1e-8):
    m, v = moments(s, g, b1, b2, begin=e)
    s["w"] = np.maximum(s.get("w", e), v)
    return lr * m / (np.sqrt(s["w"]) + e)


def adabelief(s, g, x, t, all, lr=0.01, b1=0.9, b2=0.999, e=1e-16):
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * (g - s["m"]) ** 2 + e
    return lr * (s["m"] / (1 - b1**t)) / (np.sqrt(s["v"] / (1 - b2**t)) + e)


def lion(s, g, x, t, all, lr=0.01, b1=0.9, b2=0.99):
    m = s.get("m", 0.0)
    s["m"] = b2 * m + (1 - b2) * g
    return lr * np.sign(b1 * m + (1 - b1) * g)


def accum_grad(n):
    # As part of a chain whose later rules have no state: a zero gradient then is no update.
    def rule(s, g, x, t, all):
        s["sum"] = (0 if t % n == 1 else s["sum"]) + g / n
        return s["sum"] if t % n == 0 else 0 * g

    return rule


def norm(g, p):
    return np.linalg.norm(np.ravel(g).astype(np.float64), p)


def clip_norm(omega, p=2):
    return lambda s, g, x, t, all: g * min(1.0, omega / norm(g, p))


def clip_global_norm(omega, p=2):
    def rule(s, g, x, t, all):
        total = norm(np.concatenate([np.ravel(v) for v in all.values()]), p)
        return g * min(1.0, omega / total)

    return rule


def weight_decay(s, g, x, t, all):
    return g + 0.05 * x


CASES = {
    "descent": by_torch(lambda ps: torch.optim.SGD(ps, lr=0.1)),
    "momentum": by_torch(lambda ps: torch.optim.SGD(ps, lr=0.01, momentum=0.9)),
    "nesterov": by_numpy(nesterov),
    "rmsprop": by_torch(lambda ps: torch.optim.RMSprop(ps, lr=0.001, alpha=0.9, eps=1e-8)),
    "rmsprop_centred": by_torch(lambda ps: torch.optim.RMSprop(ps, lr=0.001, alpha=0.9, eps=1e-8, centered=True)),
    "rprop": by_torch(lambda ps: torch.optim.Rprop(ps, lr=0.001)),
    "rprop_options": by_torch(lambda ps: torch.optim.Rprop(ps, lr=0.02, etas=(0.3, 1.5), step_sizes=(0.01, 0.04))),
    "adam": by_torch(lambda ps: torch.optim.Adam(ps, lr=0.01)),
    "adam_options": by_torch(lambda ps: torch.optim.Adam(ps, lr=0.02, betas=(0.7, 0.95), eps=1e-3)),
    "adamw": by_torch(lambda ps: torch.optim.AdamW(ps, lr=0.01, weight_decay=0.02)),
    "adamw_no_decay": by_torch(lambda ps: torch.optim.AdamW(ps, lr=0.01, weight_decay=0)),
    "adamw_decoupled": by_numpy(adamw_decoupled),
    "adamax": by_numpy(adamax),
    "nadam": by_numpy(nadam),
    "radam": by_numpy(radam),
    "oadam": by_numpy(oadam),
    "amsgrad": by_numpy(amsgrad),
    "adabelief": by_numpy(adabelief),
    "adagrad": by_torch(lambda ps: torch.optim.Adagrad(ps, lr=0.1, initial_accumulator_value=1e-8, eps=1e-8)),
    "adadelta": by_torch(lambda ps: torch.optim.Adadelta(ps, lr=1.0, rho=0.9, eps=1e-8)),
    "lion": by_numpy(lion),
    "adam_with_l2": by_torch(lambda ps: torch.optim.Adam(ps, lr=0.01, weight_decay=0.05)),
    "sign_decay": by_numpy(lambda s, g, x, t, all: g + 0.03 * np.sign(x), descent(0.1)),
    "clip_grad": by_numpy(lambda s, g, x, t, all: np.clip(g, -0.5, 0.5), descent(0.1)),
    "clip_norm": by_numpy(clip_norm(1.0), descent(0.1)),
    "clip_norm_1": by_numpy(clip_norm(2.0, 1), descent(0.1)),
    "clip_norm_3": by_numpy(clip_norm(1.0, 3), descent(0.1)),
    "clip_norm_inf": by_numpy(clip_norm(0.7, np.inf), descent(0.1)),
    "clip_global_norm": by_numpy(clip_global_norm(1.5), adam),
    "clip_global_norm_inf": by_numpy(clip_global_norm(0.7, np.inf), descent(0.1)),
    "clip_last": by_numpy(adam, clip_norm(0.03)),
    "decay_clip_adam": by_numpy(weight_decay, clip_norm(1.0), adam),
    "accumulate": by_numpy(accum_grad(3), descent(0.1)),
}


def generate():
    out = {}
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        out[name] = {
            "start": start(dtype),
            "gradients": gradients(dtype),
            "cases": {case: {f"after_{t}": run(dtype)[t - 1] for t in KEPT} for case, run in CASES.items()},
        }
    return out

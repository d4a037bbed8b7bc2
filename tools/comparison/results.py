"""What a case computes in PyTorch, and how far luxtorch's results are from it.

A difference of two arrays is max |a - b| / max |b|, b PyTorch's.
"""

import math

import torch

import training

LEFT = {"float64": 1e-8, "float32": 1e-4}  # so far apart, by the largest loss, one curve has left the other
OWN = "PyTorch, loops over cells"


def results(problem, steps):
    """As results.cpp has them, state dicts flat."""
    problem.start()
    x, y = problem.batch(0)
    x = tuple(t.clone().requires_grad_(t.is_floating_point()) for t in x)
    y_hat = problem.model(*x)
    loss = problem.loss(y_hat, y)
    parameters = dict(problem.model.named_parameters())
    wanted = [*parameters.values(), *(t for t in x if t.requires_grad)]
    grads = torch.autograd.grad(loss, wanted, allow_unused=True)
    grads = [torch.zeros_like(t) if g is None else g for g, t in zip(grads, wanted)]
    found = {
        "output": y_hat.detach().cpu(),
        "loss": loss.detach().cpu(),
        "gradients": {name: g.cpu() for name, g in zip(parameters, grads)},
        "inputs": [g.cpu() for g in grads[len(parameters):]],
        "states": {name: t.detach().cpu().clone() for name, t in problem.model.named_buffers()
                   if t.is_floating_point()},
    }
    problem.start()
    step = training.steps(problem, problem.objective)
    found["losses"] = [step().item() for _ in range(steps)]
    return found


def flat(tree, prefix=""):
    found = {}
    for name, part in (tree or {}).items():
        found.update(flat(part, f"{prefix}{name}.") if isinstance(part, dict) else {prefix + name: part})
    return found


def from_luxtorch(path):
    """The same of the file that luxtorch wrote."""
    file = torch.load(path, weights_only=True)
    of_x = file["gradients"]["x"]
    return {
        "output": file["output"],
        "loss": file["loss"],
        "gradients": flat(file["gradients"]["ps"]),
        "inputs": [g for g in (of_x if isinstance(of_x, tuple | list) else [of_x]) if g is not None],
        "states": flat(file["states"]),
        "losses": file["losses"].tolist(),
    }


# So many units in the last place of the largest gradient are what a sum that should be zero comes to.
ROUNDINGS = 64


def difference(a, b, overall=0.0):
    """max |a - b| / max |b|. overall: the largest number of all that belong together, by which one is measured that is
    nothing but roundings of them, as the gradient of a bias before a batch normalisation is."""
    if a is None or a.shape != b.shape or a.dtype != b.dtype:
        return math.inf
    if not b.numel():
        return 0.0
    wide, rounding = torch.complex128 if b.is_complex() else torch.float64, 0.0
    if b.is_floating_point() or b.is_complex():
        rounding = torch.finfo(b.dtype).eps
    a, b = a.to(wide), b.to(wide)
    worst, largest = (a - b).abs().max().item(), b.abs().max().item()
    if math.isnan(worst):
        return math.inf
    if largest <= ROUNDINGS * rounding * overall:
        largest = overall
    return worst / largest if largest else (math.inf if worst else 0.0)


def differences(a, b):
    """(of outputs, of gradients), each {name: difference}."""
    outputs = {"y": difference(a["output"], b["output"]), "loss": difference(a["loss"], b["loss"])}
    outputs |= {name: difference(a["states"].get(name), t) for name, t in b["states"].items()}
    places = ["x"] if len(b["inputs"]) == 1 else [f"x.{i}" for i in range(len(b["inputs"]))]
    found = dict.fromkeys(places or ["x"], math.inf)
    if len(a["inputs"]) == len(b["inputs"]):
        found = {place: difference(*both) for place, *both in zip(places, a["inputs"], b["inputs"])}
    overall = max((g.abs().max().item() for g in b["gradients"].values() if g.numel()), default=0.0)
    return outputs, found | {name: difference(a["gradients"].get(name), g, overall)
                             for name, g in b["gradients"].items()}


def apart(a, b):
    """|a - b| of each step by b's largest loss; infinite where one is not a number."""
    largest = max(map(abs, b)) or 1.0
    return [abs(x - y) / largest if math.isfinite(x - y) else math.inf for x, y in zip(a, b, strict=True)]


def leaves(steps, dtype):
    """The first step (from 1) at which one curve has left the other, None where there is none."""
    return next((i for i, d in enumerate(steps, 1) if not d <= LEFT[dtype]), None)

"""Every loss with its options: the value and the gradient of y_hat.

Where Python PyTorch has a loss by the same formula, it is the reference; elsewhere the formula is written out. Both
are evaluated in float64 on inputs that are exact in the dtype of the case, with that dtype's machine epsilon.
A case is {y_hat, y, seed, value, grad}: grad is the gradient of sum(seed * value).
"""

import torch
import torch.nn.functional as F

from generate import values

REDUCE = {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}


def bce(p, y, e, smoothing=0.0, agg="mean"):
    t = (1 - smoothing) * y + smoothing / 2
    return REDUCE[agg](-torch.xlogy(t, p + e) - torch.xlogy(1 - t, 1 - p + e))


def cross_entropy(p, y, e, smoothing=0.0, agg="mean", dim=-1):
    t = (1 - smoothing) * y + smoothing / y.shape[dim]
    return REDUCE[agg](-torch.xlogy(t, p + e).sum(dim))


def binary_focal(p, y, e, gamma=2.0):
    p_t = y * (p + e) + (1 - y) * (1 - p - e)
    return torch.mean(-((1 - p_t) ** gamma) * torch.log(p_t))


def focal(p, y, e, gamma=2.0, dim=-1):
    return torch.mean((-y * (1 - (p + e)) ** gamma * torch.log(p + e)).sum(dim))


def dice(p, y, e, smooth=1.0):
    dims = tuple(range(1, p.dim())) or (0,)
    return torch.mean(1 - (2 * (y * p).sum(dims) + smooth) / ((p**2).sum(dims) + (y**2).sum(dims) + smooth))


def tversky(p, y, e, alpha=0.3, beta=0.7, smooth=1.0):
    dims = tuple(range(1, p.dim())) or (0,)
    both, positive, negative = (y * p).sum(dims), ((1 - y) * p).sum(dims), (y * (1 - p)).sum(dims)
    return torch.mean(1 - (both + smooth) / (both + alpha * positive + beta * negative + smooth))


def siamese(d, y, e, margin=1.0):
    return torch.mean((1 - y) * d**2 + y * torch.clamp(margin - d, min=0) ** 2)


def class_first(x, dim):
    """torch has its classes in dimension 1."""
    return x.movedim(dim, 1)


def cases(dtype):
    any_size = values(4, 3, seed=1, scale=3, dtype=dtype)
    other = values(4, 3, seed=2, scale=3, dtype=dtype)
    probabilities = values(4, 3, seed=3, scale=0.45, shift=0.5, dtype=dtype)
    soft = values(4, 3, seed=4, scale=0.5, shift=0.5, dtype=dtype)
    hard = (soft > 0.5).to(dtype)
    signs = 2 * hard - 1
    positive = values(4, 3, seed=5, scale=2, shift=2.5, dtype=dtype)
    edges = torch.tensor([0.0, 1.0, 0.0, 1.0, 1e-6], dtype=dtype)
    edge_targets = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0], dtype=dtype)
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4, 90.0, -90.0, 0.0], dtype=dtype)
    logit_targets = torch.tensor([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.5], dtype=dtype)

    wide = values(2, 5, 3, seed=6, scale=1.5, dtype=dtype)
    one_hot = F.one_hot(torch.tensor([[0, 4, 2], [1, 3, 0]]), 5).to(dtype).movedim(-1, 1)
    labels = torch.tensor([[0, 4, 2], [1, 3, 0]])
    classes = values(4, 3, seed=7, scale=1.5, dtype=dtype)
    likely = torch.softmax(classes, -1)
    target = torch.softmax(values(4, 3, seed=8, scale=2, dtype=dtype), -1)
    four = torch.tensor([2, 0, 1, 1])
    far = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype=dtype)
    image = values(2, 3, 4, seed=9, scale=0.45, shift=0.5, dtype=dtype)
    mask = (values(2, 3, 4, seed=10) > 0).to(dtype)

    def torch_bce(reduction):
        return lambda x, y, e: F.binary_cross_entropy_with_logits(x, y, reduction=reduction)

    def torch_ce(dim, reduction="mean", smoothing=0.0, labels=False):
        def f(x, y, e):
            y = y if labels else class_first(y, dim)
            return F.cross_entropy(class_first(x, dim), y, reduction=reduction, label_smoothing=smoothing)

        return f

    def kl(reduction):
        return lambda p, y, e: REDUCE[reduction](F.kl_div((p + e).log(), y, reduction="none").sum(-1))

    return {
        "bce": (probabilities, soft, bce),
        "bce_hard": (probabilities, hard, bce),
        "bce_sum": (probabilities, soft, lambda p, y, e: bce(p, y, e, agg="sum")),
        "bce_none": (probabilities, soft, lambda p, y, e: bce(p, y, e, agg="none")),
        "bce_smoothed": (probabilities, hard, lambda p, y, e: bce(p, y, e, 0.1)),
        "bce_epsilon": (probabilities, hard, lambda p, y, e: bce(p, y, 1e-3)),
        "bce_edges": (edges, edge_targets, bce),
        "bce_logits": (any_size, soft, torch_bce("mean")),
        "bce_logits_sum": (any_size, soft, torch_bce("sum")),
        "bce_logits_none": (any_size, soft, torch_bce("none")),
        "bce_logits_smoothed": (any_size, hard, lambda x, y, e: torch_bce("mean")(x, 0.8 * y + 0.1, e)),
        "bce_logits_extreme": (logits, logit_targets, torch_bce("mean")),
        "ce": (likely, target, cross_entropy),
        "ce_sum": (likely, target, lambda p, y, e: cross_entropy(p, y, e, agg="sum")),
        "ce_none": (likely, target, lambda p, y, e: cross_entropy(p, y, e, agg="none")),
        "ce_smoothed": (likely, target, lambda p, y, e: cross_entropy(p, y, e, 0.15)),
        "ce_dim": (torch.softmax(wide, 1), one_hot, lambda p, y, e: cross_entropy(p, y, e, dim=1)),
        "ce_edges": (torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=dtype),
                     torch.tensor([[0.0, 1.0], [0.0, 1.0]], dtype=dtype), cross_entropy),
        "ce_logits": (classes, target, torch_ce(-1)),
        "ce_logits_none": (classes, target, torch_ce(-1, "none")),
        "ce_logits_smoothed": (classes, target, torch_ce(-1, smoothing=0.1)),
        "ce_logits_dim": (wide, one_hot, torch_ce(1)),
        "ce_logits_extreme": (far, torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]], dtype=dtype), torch_ce(-1)),
        "ce_labels": (likely, four, lambda p, y, e: cross_entropy(p, F.one_hot(y, 3).double(), e)),
        "ce_labels_smoothed": (likely, four, lambda p, y, e: cross_entropy(p, F.one_hot(y, 3).double(), e, 0.15)),
        "ce_labels_logits": (classes, four, torch_ce(-1, labels=True)),
        "ce_labels_logits_sum": (classes, four, torch_ce(-1, "sum", labels=True)),
        "ce_labels_logits_none": (classes, four, torch_ce(-1, "none", labels=True)),
        "ce_labels_logits_smoothed": (classes, four, torch_ce(-1, smoothing=0.1, labels=True)),
        "ce_labels_logits_dim": (wide, labels, torch_ce(1, labels=True)),
        "ce_labels_logits_extreme": (far, torch.tensor([1, 1]), torch_ce(-1, labels=True)),
        "binary_focal": (probabilities, hard, binary_focal),
        "binary_focal_gamma": (probabilities, hard, lambda p, y, e: binary_focal(p, y, e, 1.5)),
        "focal": (likely, target, focal),
        "focal_gamma_dim": (torch.softmax(wide, 1), one_hot, lambda p, y, e: focal(p, y, e, 1.5, 1)),
        "kl": (likely, target, kl("mean")),
        "kl_none": (likely, target, kl("none")),
        "kl_smoothed": (likely, target, lambda p, y, e: torch.xlogy(y, y).sum(-1).mean() + cross_entropy(p, y, e, 0.1)),
        "mse": (any_size, other, lambda x, y, e: F.mse_loss(x, y)),
        "mse_sum": (any_size, other, lambda x, y, e: F.mse_loss(x, y, reduction="sum")),
        "mse_none": (any_size, other, lambda x, y, e: F.mse_loss(x, y, reduction="none")),
        "mae": (any_size, other, lambda x, y, e: F.l1_loss(x, y)),
        "huber": (any_size, other, lambda x, y, e: F.huber_loss(x, y)),
        "huber_delta": (any_size, other, lambda x, y, e: F.huber_loss(x, y, delta=2.5)),
        "msle": (positive, positive.flip(0), lambda x, y, e: torch.mean(torch.log((x + e) / (y + e)) ** 2)),
        "poisson": (positive, hard * 3,
                    lambda x, y, e: F.poisson_nll_loss(x, y, log_input=False, eps=e)),
        "hinge": (any_size, signs, lambda x, y, e: torch.mean(torch.clamp(1 - x * y, min=0))),
        "squared_hinge": (any_size, signs, lambda x, y, e: torch.mean(torch.clamp(1 - x * y, min=0) ** 2)),
        "dice": (image, mask, dice),
        "dice_vector": (probabilities[0], hard[0], dice),
        "dice_smooth": (image, mask, lambda p, y, e: dice(p, y, e, 0.3)),
        "tversky": (image, mask, tversky),
        "tversky_vector": (probabilities[0], hard[0], lambda p, y, e: tversky(p, y, e, 0.6, 0.2, 0.5)),
        "tversky_iou": (image, mask, lambda p, y, e: tversky(p, y, e, 1.0, 1.0)),
        "siamese": (positive / 3, hard, siamese),
        "siamese_margin": (positive / 3, hard, lambda p, y, e: siamese(p, y, e, 0.7)),
    }


def generate():
    result = {}
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        result[name] = {}
        for case, (y_hat, y, formula) in cases(dtype).items():
            x = y_hat.to(torch.float64).requires_grad_()
            wide_y = y.to(torch.float64) if y.is_floating_point() else y
            value = formula(x, wide_y, torch.finfo(dtype).eps)
            seed = values(*value.shape, seed=11, dtype=dtype) if value.dim() else torch.ones((), dtype=dtype)
            (grad,) = torch.autograd.grad((value * seed).sum(), x)
            result[name][case] = {
                "y_hat": y_hat, "y": y, "seed": seed, "value": value.to(dtype), "grad": grad.to(dtype),
            }
    return result

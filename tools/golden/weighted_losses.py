"""Losses with weights, ignored labels and masks, and losses of several inputs, by Python PyTorch in float64.

A case is {inputs, y, ..., seed, value, grads}: grads are the gradients of sum(seed * value) by the inputs. Inputs are
exact in the dtype of the case.
"""

import torch
import torch.nn.functional as F

from generate import values


def cross_entropy(reduction="mean", smoothing=0.0, weight=None, ignore=-100, dim=1):
    def f(inputs, y, more):
        return F.cross_entropy(inputs[0].movedim(dim, 1), y, weight=more.get("weights") if weight else None,
                               ignore_index=ignore, reduction=reduction, label_smoothing=smoothing)

    return f


def cases(dtype):
    classes = values(4, 3, seed=7, scale=1.5, dtype=dtype)
    volume = values(2, 5, 3, seed=6, scale=1.5, dtype=dtype)
    weights = torch.tensor([0.5, 2.0, 1.25], dtype=dtype)
    five = torch.tensor([0.5, 2.0, 1.25, 0.0, 1.0], dtype=dtype)
    labels = torch.tensor([2, 0, 1, 1])
    with_ignored = torch.tensor([2, -100, 1, 0])
    with_ones = torch.tensor([2, 1, 1, 0])
    wide = torch.tensor([[0, 4, 2], [-1, 3, 0]])
    soft = torch.softmax(values(4, 3, seed=8, scale=2, dtype=dtype), -1)
    numbers = values(4, 3, seed=1, scale=3, dtype=dtype)
    targets = values(4, 3, seed=4, scale=0.5, shift=0.5, dtype=dtype)
    probabilities = values(4, 3, seed=3, scale=0.45, shift=0.5, dtype=dtype)

    def bce(reduction):
        return lambda x, y, more: F.binary_cross_entropy_with_logits(x[0], y, pos_weight=more["weights"], reduction=reduction)

    def bce_of_probabilities(x, y, more):
        e = torch.finfo(dtype).eps
        p = x[0]
        return torch.mean(-more["weights"] * torch.xlogy(y, p + e) - torch.xlogy(1 - y, 1 - p + e))

    w = {"weights": weights}
    mean, other = values(4, 3, seed=12, dtype=dtype), values(4, 3, seed=13, dtype=dtype)
    variance = values(4, 3, seed=14, scale=0.9, shift=1.0, dtype=dtype)
    per_row = values(4, 1, seed=15, scale=0.4, shift=0.5, dtype=dtype)
    small = torch.tensor([[0.5, 0.01, 0.2], [0.01, 0.3, 0.4], [1.0, 2.0, 0.01], [0.1, 0.2, 0.3]], dtype=dtype)
    third = values(4, 3, seed=16, dtype=dtype)
    signs = torch.tensor([1, -1, -1, 1])
    log_p = values(7, 3, 5, seed=17, scale=2, dtype=dtype)
    sequences = torch.tensor([[1, 1, 4, 2], [3, 2, 0, 0], [4, 1, 2, 0]])
    lengths = {"lengths": torch.tensor([7, 5, 6]), "label_lengths": torch.tensor([4, 2, 3])}
    too_short = {"lengths": torch.tensor([7, 5, 2]), "label_lengths": torch.tensor([4, 2, 3])}
    empty = {"lengths": torch.tensor([7, 5, 6]), "label_lengths": torch.tensor([4, 0, 3])}

    def gaussian(**options):
        return lambda x, y, more: F.gaussian_nll_loss(x[0], y, x[1], **options)

    def cosine(**options):
        return lambda x, y, more: F.cosine_embedding_loss(x[0], x[1], y, **options)

    def triplet(**options):
        return lambda x, y, more: F.triplet_margin_loss(*x, **options)

    def ctc(**options):
        return lambda x, y, more: F.ctc_loss(torch.log_softmax(x[0], -1), y, more["lengths"], more["label_lengths"], **options)

    return {
        "bce_logits_weighted": ([numbers], targets, w, bce("mean")),
        "bce_logits_weighted_none": ([numbers], targets, w, bce("none")),
        "bce_weighted": ([probabilities], targets, w, bce_of_probabilities),
        "ce_weighted": ([classes], labels, w, cross_entropy(weight=True)),
        "ce_weighted_sum": ([classes], labels, w, cross_entropy("sum", weight=True)),
        "ce_weighted_none": ([classes], labels, w, cross_entropy("none", weight=True)),
        "ce_weighted_smoothed": ([classes], labels, w, cross_entropy(smoothing=0.2, weight=True)),
        "ce_weighted_soft": ([classes], soft, w, cross_entropy(weight=True)),
        "ce_weighted_soft_smoothed": ([classes], soft, w, cross_entropy(smoothing=0.2, weight=True)),
        "ce_weighted_soft_sum": ([classes], soft, w, cross_entropy("sum", weight=True)),
        "ce_ignored": ([classes], with_ignored, {}, cross_entropy()),
        "ce_ignored_sum": ([classes], with_ignored, {}, cross_entropy("sum")),
        "ce_ignored_none": ([classes], with_ignored, {}, cross_entropy("none")),
        "ce_ignored_smoothed": ([classes], with_ignored, {}, cross_entropy(smoothing=0.2)),
        "ce_ignored_class": ([classes], with_ones, {}, cross_entropy(ignore=1)),
        "ce_ignored_weighted_smoothed": ([classes], with_ignored, w, cross_entropy(smoothing=0.2, weight=True)),
        "ce_ignored_weighted_dim": ([volume], wide, {"weights": five}, cross_entropy(weight=True, ignore=-1)),
        "gaussian": ([mean, variance], other, {}, gaussian()),
        "gaussian_full_sum": ([mean, variance], other, {}, gaussian(full=True, reduction="sum")),
        "gaussian_per_row": ([mean, per_row], other, {}, gaussian(reduction="none")),
        "gaussian_clamped": ([mean, small], other, {}, gaussian(eps=0.1)),
        "cosine": ([mean, other], signs, {}, cosine()),
        "cosine_margin_none": ([mean, other], signs, {}, cosine(margin=-0.5, reduction="none")),
        "triplet": ([mean, other, third], signs, {}, triplet()),
        "triplet_l1_margin": ([mean, other, third], signs, {}, triplet(p=1, margin=2.5, reduction="none")),
        "triplet_swap": ([mean, other, third], signs, {}, triplet(swap=True, margin=3.0, reduction="sum")),
        "ctc": ([log_p], sequences, lengths, ctc()),
        "ctc_sum": ([log_p], sequences, lengths, ctc(reduction="sum")),
        "ctc_none": ([log_p], sequences, lengths, ctc(reduction="none")),
        "ctc_empty": ([log_p], sequences, empty, ctc()),
        "ctc_zero_infinity": ([log_p], sequences, too_short, ctc(zero_infinity=True)),
    }


def generate():
    result = {}
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        result[name] = {}
        for case, (inputs, y, more, formula) in cases(dtype).items():
            wide = [x.to(torch.float64).requires_grad_() for x in inputs]
            wide_y = y.to(torch.float64) if y.is_floating_point() else y
            wide_more = {k: v.to(torch.float64) if v.is_floating_point() else v for k, v in more.items()}
            value = formula(wide, wide_y, wide_more)
            seed = values(*value.shape, seed=11, dtype=dtype) if value.dim() else torch.ones((), dtype=dtype)
            grads = torch.autograd.grad((value * seed).sum(), wide)
            result[name][case] = {
                "inputs": inputs, "y": y, **more, "seed": seed, "value": value.detach().to(dtype),
                "grads": [g.to(dtype) for g in grads],
            }
    return result

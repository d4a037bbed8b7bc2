"""GroupNorm: torch.nn.GroupNorm."""


def golden(nn):
    return {
        "matrix": {"module": nn.GroupNorm(2, 6), "x": [(4, 6)], "then": nn.Tanh()},
        "image": {"module": nn.GroupNorm(3, 6, eps=1e-2), "x": [(2, 6, 3, 2)]},
        "one_group": {"module": nn.GroupNorm(1, 4), "x": [(3, 4, 5)]},
        "plain": {"module": nn.GroupNorm(2, 4, affine=False), "x": [(3, 4, 5)]},
    }


def compared(nn):
    return {"words": "GroupNorm of 16 channels in 4 groups, 50 steps, then a mean square; batch 128",
            "module": nn.GroupNorm(4, 16), "x": (16, 50), "y": (16, 50)}

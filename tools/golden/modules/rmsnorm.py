"""RMSNorm: torch.nn.RMSNorm."""


def golden(nn):
    return {
        "matrix": {"module": nn.RMSNorm(5, eps=1e-5), "x": [(4, 5)]},
        "image": {"module": nn.RMSNorm((3, 2), eps=1e-2), "x": [(2, 4, 3, 2)]},
        "vector": {"module": nn.RMSNorm(5, eps=1e-5), "x": [(5,)]},
        "plain": {"module": nn.RMSNorm(4, eps=1e-5, elementwise_affine=False), "x": [(3, 2, 4)]},
    }


def compared(nn):
    return {"words": "RMSNorm of 64 features, 50 steps, then a mean square; batch 128",
            "module": nn.RMSNorm(64, eps=1e-5), "x": (50, 64), "y": (50, 64)}

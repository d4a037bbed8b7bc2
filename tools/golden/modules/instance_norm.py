"""InstanceNorm: torch.nn.InstanceNorm1d and InstanceNorm2d."""


def golden(nn):
    return {
        "image": {"module": nn.InstanceNorm2d(3), "x": [(2, 3, 4, 2)], "then": nn.Tanh()},
        "affine": {"module": nn.InstanceNorm1d(3, affine=True, eps=1e-2), "x": [(2, 3, 5)]},
        "training": {"module": nn.InstanceNorm1d(3, affine=True, track_running_stats=True, momentum=0.3),
                     "x": [(2, 3, 5)]},
        "test": {"module": nn.InstanceNorm2d(3, affine=True, track_running_stats=True).eval(), "x": [(2, 3, 4, 2)]},
    }


def compared(nn):
    return {"words": "InstanceNorm of 16 channels, 50 steps, then a mean square; batch 128",
            "module": nn.InstanceNorm1d(16, affine=True), "x": (16, 50), "y": (16, 50)}

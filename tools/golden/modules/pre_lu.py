"""PReLU: torch.nn.PReLU."""


def golden(nn):
    return {
        "one": {"module": nn.PReLU(), "x": [(4, 5)]},
        "channels": {"module": nn.PReLU(3), "x": [(2, 3, 4)]},
    }


def compared(nn):
    return {"words": "PReLU of 16 channels, 50 steps, then a mean square; batch 128",
            "module": nn.PReLU(16), "x": (16, 50), "y": (16, 50)}

"""GlobalMaxPool: torch.nn.AdaptiveMaxPool1d, AdaptiveMaxPool2d and AdaptiveMaxPool3d of size 1."""


def golden(nn):
    return {
        "sequence": {"module": nn.AdaptiveMaxPool1d(1), "x": [(2, 3, 5)]},
        "image": {"module": nn.AdaptiveMaxPool2d(1), "x": [(2, 3, 4, 5)]},
        "volume": {"module": nn.AdaptiveMaxPool3d(1), "x": [(2, 3, 2, 4, 3)]},
    }


def compared(nn):
    return {"words": "GlobalMaxPool of 16 channels of 32 by 32, then a mean square; batch 128",
            "module": nn.AdaptiveMaxPool2d(1), "x": (16, 32, 32), "y": (16, 1, 1)}

"""GlobalMeanPool: torch.nn.AdaptiveAvgPool1d, AdaptiveAvgPool2d and AdaptiveAvgPool3d of size 1."""


def golden(nn):
    return {
        "sequence": {"module": nn.AdaptiveAvgPool1d(1), "x": [(2, 3, 5)]},
        "image": {"module": nn.AdaptiveAvgPool2d(1), "x": [(2, 3, 4, 5)]},
        "volume": {"module": nn.AdaptiveAvgPool3d(1), "x": [(2, 3, 2, 4, 3)]},
    }


def compared(nn):
    return {"words": "GlobalMeanPool of 16 channels of 32 by 32, then a mean square; batch 128",
            "module": nn.AdaptiveAvgPool2d(1), "x": (16, 32, 32), "y": (16, 1, 1)}

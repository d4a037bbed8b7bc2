"""AdaptiveMaxPool: torch.nn.AdaptiveMaxPool1d, AdaptiveMaxPool2d and AdaptiveMaxPool3d; uniform windows as a plain pool."""


def golden(nn):
    return {
        "sequence": {"module": nn.AdaptiveMaxPool1d(3), "x": [(2, 3, 5)]},
        "image": {"module": nn.AdaptiveMaxPool2d((3, 4)), "x": [(2, 2, 5, 10)]},
        "volume": {"module": nn.AdaptiveMaxPool3d((2, 1, 3)), "x": [(2, 2, 3, 4, 5)]},
        "repeated": {"module": nn.AdaptiveMaxPool2d((4, 2)), "x": [(2, 2, 3, 4)]},
        "uniform": {"module": nn.MaxPool2d((3, 4), stride=(1, 2)), "x": [(2, 2, 5, 10)]},
        "one_sample": {"module": nn.AdaptiveMaxPool2d((2, 2)), "x": [(3, 5, 4)]},
    }


def compared(nn):
    return {"words": "AdaptiveMaxPool of 16 channels of 32 by 32 to 5 by 5, then a mean square; batch 128",
            "module": nn.AdaptiveMaxPool2d(5), "x": (16, 32, 32), "y": (16, 5, 5)}

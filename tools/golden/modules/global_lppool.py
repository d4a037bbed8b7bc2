"""GlobalLPPool: torch.nn.LPPool1d, LPPool2d and LPPool3d with a window of the whole size, of absolute values where p is
odd."""


def golden(nn):
    class OfAbs(nn.LPPool2d):
        def forward(self, x):
            return super().forward(x.abs())

    return {
        "sequence": {"module": nn.LPPool1d(2, 5), "x": [(2, 3, 5)]},
        "image": {"module": OfAbs(3, (4, 5)), "x": [(2, 3, 4, 5)]},
        "volume": {"module": nn.LPPool3d(2, (2, 4, 3)), "x": [(2, 3, 2, 4, 3)]},
    }


def compared(nn):
    return {"words": "GlobalLPPool of 16 channels of 32 by 32, then a mean square; batch 128",
            "module": nn.LPPool2d(2, 32), "x": (16, 32, 32), "y": (16, 1, 1)}

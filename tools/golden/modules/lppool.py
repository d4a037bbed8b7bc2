"""LPPool: torch.nn.LPPool1d, LPPool2d and LPPool3d, of absolute values where p is odd; padding by
torch.nn.functional.pad."""


def golden(nn):
    class OfAbs(nn.LPPool2d):
        def forward(self, x):
            return super().forward(x.abs())

    class Padded(nn.LPPool2d):
        def forward(self, x):
            return super().forward(nn.functional.pad(x, (1, 1, 1, 1)))

    return {
        "sequence": {"module": nn.LPPool1d(2, 3, stride=2), "x": [(2, 3, 8)]},
        "image": {"module": nn.LPPool2d(4, (2, 3)), "x": [(2, 3, 5, 7)]},
        "volume": {"module": nn.LPPool3d(2, 2, stride=(1, 2, 2)), "x": [(2, 2, 3, 4, 5)]},
        "odd": {"module": OfAbs(3, 2), "x": [(2, 2, 4, 5)]},
        "ceil": {"module": nn.LPPool2d(2, 3, stride=2, ceil_mode=True), "x": [(2, 2, 6, 6)]},
        "padded": {"module": Padded(2, 3, stride=2), "x": [(2, 2, 4, 5)]},
        "one_sample": {"module": nn.LPPool2d(2, 2), "x": [(3, 4, 5)]},
    }


def compared(nn):
    return {"words": "LPPool of 16 channels of 32 by 32 in windows of 2 by 2, then a mean square; batch 128",
            "module": nn.LPPool2d(2, 2), "x": (16, 32, 32), "y": (16, 16, 16)}

"""MaxPool: torch.nn.MaxPool1d, MaxPool2d and MaxPool3d; asymmetric pads by torch.nn.functional.pad."""

import torch


def golden(nn):
    class Padded(nn.Module):
        def forward(self, x):  # pads in torch's order, the last dimension first
            padded = nn.functional.pad(x, (2, 0, 0, 1), value=-torch.inf)
            return nn.functional.max_pool2d(padded, (2, 3), stride=(1, 2))

    return {
        "sequence": {"module": nn.MaxPool1d(3, stride=2, padding=1), "x": [(2, 3, 8)]},
        "image": {"module": nn.MaxPool2d((2, 3)), "x": [(2, 3, 5, 7)]},
        "volume": {"module": nn.MaxPool3d(2, stride=(1, 2, 2)), "x": [(2, 2, 3, 4, 5)]},
        "dilated": {"module": nn.MaxPool2d((2, 3), stride=1, padding=1, dilation=(2, 1)), "x": [(2, 2, 5, 4)]},
        "ceil": {"module": nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), "x": [(2, 2, 6, 5)]},
        "asymmetric": {"module": Padded(), "x": [(2, 2, 4, 5)]},
        "one_sample": {"module": nn.MaxPool2d(2), "x": [(3, 4, 5)]},
    }


def compared(nn):
    return {"words": "MaxPool of 16 channels of 32 by 32 in windows of 2 by 2, then a mean square; batch 128",
            "module": nn.MaxPool2d(2), "x": (16, 32, 32), "y": (16, 16, 16)}

"""MeanPool: torch.nn.AvgPool1d, AvgPool2d and AvgPool3d; dilated windows as a convolution, and asymmetric pads as quotients
of sums and counts."""

import torch


def golden(nn):
    class Dilated(nn.Module):
        def forward(self, x):
            kernel = torch.full((2, 1, 2, 3), 1 / 6, dtype=x.dtype)
            return nn.functional.conv2d(x, kernel, padding=1, dilation=(2, 1), groups=2)

    class Asymmetric(nn.Module):
        def forward(self, x):
            def sums(t):
                return nn.functional.avg_pool2d(nn.functional.pad(t, (2, 0, 0, 1)), (2, 3), stride=(1, 2))

            return sums(x) / sums(torch.ones_like(x))

    return {
        "sequence": {"module": nn.AvgPool1d(3, stride=2, padding=1), "x": [(2, 3, 8)]},
        "image": {"module": nn.AvgPool2d((2, 3)), "x": [(2, 3, 5, 7)]},
        "volume": {"module": nn.AvgPool3d(2, stride=(1, 2, 2)), "x": [(2, 2, 3, 4, 5)]},
        "uncounted": {"module": nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), "x": [(2, 2, 6, 5)]},
        "ceil": {"module": nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), "x": [(2, 2, 6, 5)]},
        "dilated": {"module": Dilated(), "x": [(2, 2, 5, 4)]},
        "asymmetric": {"module": Asymmetric(), "x": [(2, 2, 4, 5)]},
        "one_sample": {"module": nn.AvgPool2d(2), "x": [(3, 4, 5)]},
    }


def compared(nn):
    return {"words": "MeanPool of 16 channels of 32 by 32 in windows of 2 by 2, then a mean square; batch 128",
            "module": nn.AvgPool2d(2), "x": (16, 32, 32), "y": (16, 16, 16)}

"""Conv: torch.nn.Conv1d, Conv2d and Conv3d."""

from torch.nn import functional


def golden(nn):
    class Padded(nn.Conv2d):
        def forward(self, x):
            return super().forward(functional.pad(x, (2, 1, 1, 0)))  # width, then height

    return {
        "sequence": {"module": nn.Conv1d(3, 4, 3), "x": [(2, 3, 6)], "then": nn.Tanh()},
        "image": {"module": nn.Conv2d(2, 3, (3, 2)), "x": [(2, 2, 5, 4)]},
        "volume": {"module": nn.Conv3d(2, 2, (2, 1, 2), padding=(1, 0, 1)), "x": [(2, 2, 3, 2, 3)]},
        "strides": {"module": nn.Conv2d(2, 3, 3, stride=(2, 1), padding=1), "x": [(2, 2, 5, 4)]},
        "dilation": {"module": nn.Conv2d(2, 2, (2, 3), dilation=(3, 2)), "x": [(2, 2, 5, 6)]},
        "groups": {"module": nn.Conv2d(4, 6, 2, groups=2), "x": [(2, 4, 3, 4)]},
        "depthwise": {"module": nn.Conv1d(3, 6, 3, groups=3), "x": [(2, 3, 5)]},
        "asymmetric": {"module": Padded(2, 2, 3), "x": [(2, 2, 3, 3)]},
        "same": {"module": nn.Conv2d(2, 2, (4, 3), padding="same"), "x": [(2, 2, 4, 3)]},
        "circular": {"module": nn.Conv2d(1, 2, 3, padding=(1, 2), padding_mode="circular"), "x": [(2, 1, 4, 3)]},
        "reflect": {"module": nn.Conv1d(2, 2, 3, padding=2, padding_mode="reflect"), "x": [(2, 2, 4)]},
        "replicate": {"module": nn.Conv3d(1, 2, 2, padding=1, padding_mode="replicate"), "x": [(2, 1, 2, 2, 3)]},
        "no_bias": {"module": nn.Conv2d(2, 2, 2, bias=False), "x": [(2, 2, 3, 3)]},
        "one_sample": {"module": nn.Conv2d(2, 2, 2), "x": [(2, 3, 4)]},
    }


def compared(nn):
    return {"words": "Conv of 8 channels to 16, 3x3 on 16x16, then a mean square; batch 128",
            "module": nn.Conv2d(8, 16, 3, padding=1), "x": (8, 16, 16), "y": (16, 16, 16)}

"""AdaptiveLPPool: its formula over the windows of torch.nn.AdaptiveAvgPool2d; uniform windows as torch.nn.LPPool2d."""

import torch


def golden(nn):
    class AdaptiveLPPool2d(nn.Module):
        def __init__(self, p, size):
            super().__init__()
            self.p, self.size = p, size

        def forward(self, x):
            def windows(length, count):
                return [slice(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]

            rows = [torch.stack([x[..., h, w].abs().pow(self.p).sum((-2, -1)).pow(1 / self.p)
                                 for w in windows(x.shape[-1], self.size[1])], -1)
                    for h in windows(x.shape[-2], self.size[0])]
            return torch.stack(rows, -2)

    return {
        "image": {"module": AdaptiveLPPool2d(2, (3, 4)), "x": [(2, 2, 5, 10)]},
        "odd": {"module": AdaptiveLPPool2d(3, (2, 2)), "x": [(2, 2, 3, 5)]},
        "uniform": {"module": nn.LPPool2d(2, (3, 4), stride=(1, 2)), "x": [(2, 2, 5, 10)]},
        "one_sample": {"module": AdaptiveLPPool2d(2, (2, 2)), "x": [(3, 5, 4)]},
    }

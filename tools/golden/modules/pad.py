"""Pad: torch.nn.ConstantPad1d, ZeroPad2d and so on; symmetric padding by indices, as numpy.pad."""

import numpy as np
import torch


def golden(nn):
    class Symmetric(nn.Module):
        def forward(self, x):
            rows, columns = (torch.from_numpy(np.pad(np.arange(n), pads, mode="symmetric"))
                             for n, pads in zip(x.shape[2:], ((1, 5), (2, 0))))
            return x.index_select(2, rows).index_select(3, columns)

    return {
        "zeros": {"module": nn.ZeroPad2d(1), "x": [(2, 2, 3, 4)]},
        "constant": {"module": nn.ConstantPad1d((0, 3), -1.0), "x": [(2, 2, 4)]},
        "reflect": {"module": nn.ReflectionPad2d((2, 0, 1, 2)), "x": [(2, 2, 3, 4)]},
        "replicate": {"module": nn.ReplicationPad3d((1, 1, 0, 0, 2, 2)), "x": [(2, 2, 2, 3, 2)]},
        "circular": {"module": nn.CircularPad2d((2, 0, 1, 3)), "x": [(2, 2, 3, 4)]},
        "symmetric": {"module": Symmetric(), "x": [(2, 2, 3, 4)]},
    }


def compared(nn):
    return {"words": "Pad of 16 channels of 32 by 32 by 2 on each side, reflected, then a mean square; batch 128",
            "module": nn.ReflectionPad2d(2), "x": (16, 32, 32), "y": (16, 36, 36)}

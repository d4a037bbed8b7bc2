"""WeightNorm: torch.nn.utils.parametrizations.weight_norm of a module."""

from torch.nn.utils.parametrizations import weight_norm


def golden(nn):
    return {
        "linear": {"module": weight_norm(nn.Linear(3, 4)), "x": [(5, 3)], "then": nn.Tanh()},
        "inputs": {"module": weight_norm(nn.Linear(3, 4, bias=False), dim=1), "x": [(5, 3)]},
        "whole": {"module": weight_norm(nn.Linear(3, 4), dim=None), "x": [(5, 3)]},
        "conv": {"module": weight_norm(nn.Conv2d(2, 4, (3, 2))), "x": [(3, 2, 4, 5)]},
        "transposed": {"module": weight_norm(nn.ConvTranspose1d(2, 3, 3)), "x": [(4, 2, 5)]},
        "both": {"module": weight_norm(weight_norm(nn.Linear(3, 4), "weight", None), "bias", None), "x": [(5, 3)]},
    }

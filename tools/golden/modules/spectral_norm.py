"""SpectralNorm: torch.nn.utils.parametrizations.spectral_norm of a module, whose vectors are states."""

from torch.nn.utils.parametrizations import spectral_norm


def golden(nn):
    return {
        "training": {"module": spectral_norm(nn.Linear(3, 4)), "x": [(5, 3)], "then": nn.Tanh()},
        "test": {"module": spectral_norm(nn.Linear(3, 4)).eval(), "x": [(5, 3)]},
        "steps": {"module": spectral_norm(nn.Conv2d(2, 4, (3, 2)), n_power_iterations=3), "x": [(3, 2, 4, 5)]},
        "transposed": {"module": spectral_norm(nn.ConvTranspose1d(2, 3, 3)), "x": [(4, 2, 5)]},
        "columns": {"module": spectral_norm(nn.Linear(3, 4, bias=False), dim=1), "x": [(5, 3)]},
    }

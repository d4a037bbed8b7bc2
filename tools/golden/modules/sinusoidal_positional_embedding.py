"""SinusoidalPositionalEmbedding: its formula, the frequencies in a buffer that is no part of a state dict; torch.nn has none."""

import torch


def golden(nn):
    class Sinusoidal(nn.Module):
        def __init__(self, dims, scale, interleaved=False):
            super().__init__()
            k = torch.arange(dims // 2, dtype=torch.float64)
            sigmas = 10000.0 ** (-2 * k / dims) if interleaved else 1e-4 ** (k / (dims // 2 - 1))
            self.register_buffer("sigmas", sigmas.float(), persistent=False)
            self.scale, self.interleaved = scale, interleaved

        def forward(self, x):
            parts = [f(x[..., None] * self.sigmas) for f in (torch.sin, torch.cos)]
            return self.scale * (torch.stack(parts, -1).flatten(-2) if self.interleaved else torch.cat(parts, -1))

    return {
        "halves": {"module": Sinusoidal(8, (2 / 8) ** 0.5), "x": [(3, 5)]},
        "scaled": {"module": Sinusoidal(6, 0.3), "x": [(4,)]},
        "vaswani": {"module": Sinusoidal(4, 1, interleaved=True), "x": [(2, 3, 2)]},
    }

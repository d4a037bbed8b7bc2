"""RotaryPositionalEmbedding: its formula with complex numbers; torch.nn has no such module."""

import torch


def golden(nn):
    from modules._rotary_tables import register

    class Rotary(nn.Module):
        def __init__(self, dim, length, interleaved=False, doubled=False):
            super().__init__()
            self.dim, self.interleaved = dim, interleaved
            register(self, dim, length, doubled)

        def forward(self, x):
            half = self.dim // 2
            turned, rest = x[..., : self.dim], x[..., self.dim :]
            pairs = turned.unflatten(-1, (half, 2)) if self.interleaved else turned.unflatten(-1, (2, half)).transpose(-1, -2)
            turn = torch.complex(self.cos_cache[:, :half], self.sin_cache[:, :half])[: x.shape[-3], None]
            turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turn)
            turned = turned if self.interleaved else turned.transpose(-1, -2)
            return torch.cat([turned.flatten(-2), rest], -1)

    return {
        "halves": {"module": Rotary(6, 7), "x": [(2, 5, 3, 6)]},
        "doubled": {"module": Rotary(4, 5, doubled=True), "x": [(2, 5, 3, 4)]},
        "interleaved": {"module": Rotary(6, 5, interleaved=True), "x": [(2, 5, 3, 6)]},
        "some_features": {"module": Rotary(4, 6), "x": [(4, 3, 7)]},
    }

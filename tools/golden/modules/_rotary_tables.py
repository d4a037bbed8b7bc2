"""Cosines and sines of rotary positions, in buffers that are no part of a state dict, as most models have them."""

import torch


def register(module, dim, length, doubled=False):
    """cos_cache and sin_cache of angles position * 10000^(-2i / dim): (length, dim / 2), or doubled (length, dim); float32's
    numbers."""
    theta = 10000.0 ** (-2 * torch.arange(dim // 2, dtype=torch.float64) / dim)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * theta
    if doubled:
        angles = torch.cat([angles, angles], 1)
    module.register_buffer("cos_cache", angles.cos().float(), persistent=False)
    module.register_buffer("sin_cache", angles.sin().float(), persistent=False)

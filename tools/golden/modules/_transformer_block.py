"""A transformer's layer by its formula, for what torch.nn.TransformerEncoderLayer has not: rotary positions, grouped
keys, RMSNorm and a gated feed-forward block."""

import torch
from torch import nn
from torch.nn import functional as F

from modules._rotary_tables import register


class Rotary(nn.Module):
    """Rotates x (batch, heads, time, size) by angles position * 10000^(-2i / size)."""

    def __init__(self, size, length):
        super().__init__()
        register(self, size, length)

    def forward(self, x):
        cos, sin = self.cos_cache[: x.shape[-2]], self.sin_cache[: x.shape[-2]]
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Attention(nn.Module):
    def __init__(self, dims, heads, kv_heads, length):
        super().__init__()
        self.heads, self.kv_heads, self.rotary = heads, kv_heads, Rotary(dims // heads, length)
        self.in_proj_weight = nn.Parameter(torch.empty(dims + 2 * dims // heads * kv_heads, dims))
        self.out_proj = nn.Linear(dims, dims, bias=False)

    def forward(self, x):
        size = x.shape[-1] // self.heads
        rows = [self.heads * size, self.kv_heads * size, self.kv_heads * size]
        q, k, v = (t.unflatten(-1, (-1, size)).transpose(1, 2)
                   for t in F.linear(x, self.in_proj_weight).split(rows, -1))
        q, k = self.rotary(q), self.rotary(k)
        k, v = (t.repeat_interleave(self.heads // self.kv_heads, 1) for t in (k, v))
        scores = q @ k.transpose(-2, -1) / size**0.5
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        y = scores.masked_fill(later, float("-inf")).softmax(-1) @ v
        return self.out_proj(y.transpose(1, 2).flatten(2))


class Gated(nn.Module):
    def __init__(self, dims, hidden):
        super().__init__()
        self.gate_proj = nn.Linear(dims, hidden, bias=False)
        self.up_proj = nn.Linear(dims, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, dims, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Pre-norm and causal, without biases. length: how many positions there are."""

    def __init__(self, dims, heads, kv_heads, hidden, length):
        super().__init__()
        self.self_attn = Attention(dims, heads, kv_heads, length)
        self.mlp = Gated(dims, hidden)
        self.norm1 = nn.RMSNorm(dims, eps=1e-5)
        self.norm2 = nn.RMSNorm(dims, eps=1e-5)

    def forward(self, x):
        x = x + self.self_attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))

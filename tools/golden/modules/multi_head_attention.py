"""MultiHeadAttention: torch.nn.MultiheadAttention; its formula where torch.nn has none."""

import torch
import torch.nn.functional as F


def attention(nn, *args, is_causal=False, **options):
    class Attention(nn.MultiheadAttention):
        def forward(self, q, k=None, v=None):
            k = q if k is None else k
            v = k if v is None else v
            # Its booleans are true where a query may not attend.
            mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1) if is_causal else None
            return super().forward(q, k, v, need_weights=False, attn_mask=mask)[0]

    module = Attention(*args, batch_first=True, **options)
    if module.in_proj_bias is not None:
        # A bias of all keys changes no score: its gradient is 0, and not what rounding makes of it.
        module.in_proj_bias.register_hook(lambda g: torch.where(g.abs() < 1e-13, 0.0, g))
    return module


def grouped(nn, dims, heads, kv_heads, length):
    """Fewer heads of keys, each head normalized and rotated, causal."""
    from modules._rotary_tables import register

    size = dims // heads

    class Caches(nn.Module):
        def __init__(self):
            super().__init__()
            register(self, size, length)

        def forward(self, x):
            cos, sin = (cache[: x.shape[-2]] for cache in (self.cos_cache, self.sin_cache))
            a, b = x.chunk(2, -1)
            return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    class Grouped(nn.Module):
        def __init__(self):
            super().__init__()
            self.in_proj_weight = nn.Parameter(torch.ones((heads + 2 * kv_heads) * size, dims))
            self.out_proj = nn.Linear(dims, dims, bias=False)
            self.q_norm, self.k_norm = nn.RMSNorm(size, eps=1e-6), nn.RMSNorm(size, eps=1e-6)
            self.rotary = Caches()

        def forward(self, x):
            rows = F.linear(x, self.in_proj_weight).unflatten(-1, (heads + 2 * kv_heads, size)).transpose(1, 2)
            q, k, v = rows.split([heads, kv_heads, kv_heads], 1)
            q, k = self.rotary(self.q_norm(q)), self.rotary(self.k_norm(k))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            return self.out_proj(y.transpose(1, 2).flatten(2))

    return Grouped()


def golden(nn):
    return {
        "self": {"module": attention(nn, 8, 2), "x": [(3, 5, 8)]},
        "no_bias": {"module": attention(nn, 6, 3, bias=False), "x": [(3, 5, 6)]},
        "causal": {"module": attention(nn, 6, 2, is_causal=True), "x": [(3, 5, 6)]},
        "one_sample": {"module": attention(nn, 6, 2), "x": [(5, 6)]},
        "cross": {"module": attention(nn, 8, 4), "x": [(3, 5, 8), (3, 7, 8)]},
        "other_sizes": {"module": attention(nn, 6, 2, kdim=4, vdim=3), "x": [(3, 5, 6), (3, 7, 4), (3, 7, 3)]},
        "grouped": {"module": grouped(nn, 8, 4, 2, length=6), "x": [(3, 5, 8)]},
    }


def compared(nn):
    return {"words": "MultiHeadAttention of 32 features in 4 heads, causal, 32 steps, then a mean square; batch 128",
            "module": attention(nn, 32, 4, is_causal=True), "x": (32, 32), "y": (32, 32)}

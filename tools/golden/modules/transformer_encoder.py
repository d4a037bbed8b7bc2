"""TransformerEncoder: torch.nn.TransformerEncoder."""

import torch


def stack(nn, dims, heads, hidden, count, is_causal=False, norm=False, **options):
    class Stack(nn.TransformerEncoder):
        def forward(self, x):
            # Its booleans are true where a token may not attend.
            mask = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool).triu(1) if is_causal else None
            return super().forward(x, mask=mask)

    layer = nn.TransformerEncoderLayer(dims, heads, hidden, dropout=0.0, batch_first=True, **options)
    return Stack(layer, count, norm=nn.LayerNorm(dims) if norm else None, enable_nested_tensor=False)


def golden(nn):
    from modules._key_biases import exact

    pre_norm = {"activation": "gelu", "norm_first": True, "norm": True}
    return exact({
        "pre_norm": {"module": stack(nn, 8, 2, 5, 2, **pre_norm), "x": [(2, 4, 8)]},
        "causal": {"module": stack(nn, 4, 2, 5, 3, is_causal=True, **pre_norm), "x": [(2, 4, 4)]},
        "post_norm": {"module": stack(nn, 6, 3, 5, 2), "x": [(2, 4, 6)]},
    })


def compared(nn):
    return {"words": "TransformerEncoder of 2 layers of 32 features in 4 heads, pre-norm, causal, 32 steps, then a "
                     "mean square; batch 128",
            "module": stack(nn, 32, 4, 128, 2, is_causal=True, norm=True, activation="gelu", norm_first=True),
            "x": (32, 32), "y": (32, 32)}

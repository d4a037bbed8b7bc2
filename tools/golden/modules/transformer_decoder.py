"""TransformerDecoder: torch.nn.TransformerDecoder."""

import torch


def stack(nn, dims, heads, hidden, count, is_causal=False, norm=False, **options):
    class Stack(nn.TransformerDecoder):
        def forward(self, x, memory=None):
            # Its booleans are true where a token may not attend.
            mask = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool).triu(1) if is_causal else None
            return super().forward(x, memory, tgt_mask=mask)

    layer = nn.TransformerDecoderLayer(dims, heads, hidden, dropout=0.0, batch_first=True, **options)
    return Stack(layer, count, norm=nn.LayerNorm(dims) if norm else None)


def golden(nn):
    from modules._key_biases import exact

    pre_norm = {"activation": "gelu", "norm_first": True, "norm": True}
    return exact({
        "pre_norm": {"module": stack(nn, 8, 2, 5, 2, **pre_norm), "x": [(2, 4, 8), (2, 3, 8)]},
        "causal": {"module": stack(nn, 8, 2, 5, 2, is_causal=True, **pre_norm), "x": [(2, 4, 8), (2, 3, 8)]},
        "post_norm": {"module": stack(nn, 6, 3, 5, 1), "x": [(2, 4, 6), (2, 3, 6)]},
    })


def compared(nn):
    class Itself(nn.Module):
        """The decoder with its own input as the memory: a comparison has one input."""

        def __init__(self):
            super().__init__()
            self.decoder = stack(nn, 32, 4, 128, 2, is_causal=True, norm=True, activation="gelu", norm_first=True)

        def forward(self, x):
            return self.decoder(x, x)

    return {"words": "TransformerDecoder of 2 layers of 32 features in 4 heads, pre-norm, causal, 32 steps that are also the "
                     "memory, then a mean square; batch 128",
            "module": Itself(), "x": (32, 32), "y": (32, 32)}

"""TransformerEncoderLayer: torch.nn.TransformerEncoderLayer, and a formula for what it has not."""

import torch


def layer(nn, *args, is_causal=False, **options):
    class Layer(nn.TransformerEncoderLayer):
        def forward(self, x):
            # Its booleans are true where a token may not attend.
            mask = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool).triu(1) if is_causal else None
            return super().forward(x, src_mask=mask)

    return Layer(*args, dropout=0.0, batch_first=True, **options)


def golden(nn):
    from modules._key_biases import exact
    from modules._transformer_block import Block

    return exact({
        "pre_norm": {"module": layer(nn, 6, 2, 8, activation="gelu", norm_first=True), "x": [(2, 4, 6)]},
        "post_norm": {"module": layer(nn, 6, 3, 5), "x": [(2, 4, 6)]},
        "causal": {"module": layer(nn, 6, 2, 5, is_causal=True, norm_first=True), "x": [(2, 4, 6)]},
        "no_bias": {"module": layer(nn, 6, 2, 5, bias=False, layer_norm_eps=1e-2), "x": [(2, 4, 6)]},
        "one_sample": {"module": layer(nn, 6, 2, 5), "x": [(4, 6)]},
        "gated": {"module": Block(8, 4, 2, 5, 6), "x": [(2, 4, 8)]},
    })


def compared(nn):
    return {"words": "TransformerEncoderLayer of 32 features in 4 heads, pre-norm, causal, 32 steps, then a mean "
                     "square; batch 128",
            "module": layer(nn, 32, 4, 128, activation="gelu", norm_first=True, is_causal=True),
            "x": (32, 32), "y": (32, 32)}

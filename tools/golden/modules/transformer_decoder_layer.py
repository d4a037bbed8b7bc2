"""TransformerDecoderLayer: torch.nn.TransformerDecoderLayer."""

import torch


def layer(nn, *args, is_causal=False, **options):
    class Layer(nn.TransformerDecoderLayer):
        def forward(self, x, memory=None):
            # Its booleans are true where a token may not attend.
            mask = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool).triu(1) if is_causal else None
            return super().forward(x, memory, tgt_mask=mask)

    return Layer(*args, dropout=0.0, batch_first=True, **options)


def golden(nn):
    from modules._key_biases import exact

    x = [(2, 4, 6), (2, 3, 6)]
    return exact({
        "pre_norm": {"module": layer(nn, 6, 2, 8, activation="gelu", norm_first=True), "x": x},
        "post_norm": {"module": layer(nn, 6, 3, 5), "x": x},
        "causal": {"module": layer(nn, 6, 2, 5, is_causal=True, norm_first=True), "x": x},
        "no_bias": {"module": layer(nn, 6, 2, 5, bias=False), "x": x},
        "one_sample": {"module": layer(nn, 6, 2, 5), "x": [(4, 6), (3, 6)]},
    })

"""Whole transformers made in Python: state dicts, tokens and logits, for tests/interop/transformer_models_test.cpp.

Their names are those that luxtorch's layers have, so that from_torch takes a state dict as it is.
"""

import torch
from generate import nested, values
from torch import nn
from torch.nn import functional as F
from modules._transformer_block import Block

VOCABULARY, DIMS, LENGTH = 11, 8, 6


def causal(time):
    """Its booleans are true where a token may not attend."""
    return torch.ones(time, time, dtype=torch.bool).triu(1)


class LearnedPositions(nn.Module):
    """GPT-2's way: learned positions, pre-norm layers with biases, one matrix for tokens in and out."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, DIMS)
        self.positions = nn.Embedding(LENGTH, DIMS)
        options = {"dropout": 0.0, "activation": "gelu", "batch_first": True, "norm_first": True}
        layer = nn.TransformerEncoderLayer(DIMS, 2, 16, **options)
        self.blocks = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(DIMS), enable_nested_tensor=False)

    def forward(self, x):
        h = self.tokens(x) + self.positions.weight[: x.shape[1]]
        return F.linear(self.blocks(h, mask=causal(x.shape[1])), self.tokens.weight)


class Stack(nn.Module):
    def __init__(self, layers, norm):
        super().__init__()
        self.layers, self.norm = nn.ModuleList(layers), norm

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)


class RotaryPositions(nn.Module):
    """Llama's way: rotary positions, RMSNorm, SwiGLU, grouped keys, no biases, one matrix for tokens in and out."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, DIMS)
        blocks = [Block(DIMS, 4, 2, 12, LENGTH) for _ in range(2)]
        self.blocks = Stack(blocks, nn.RMSNorm(DIMS, eps=1e-5))

    def forward(self, x):
        return F.linear(self.blocks(self.tokens(x)), self.tokens.weight)


class Encoder(nn.Module):
    """PyTorch's defaults: post-norm and relu. The token 0 is padding; logits are of the mean over the rest."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, DIMS)
        layer = nn.TransformerEncoderLayer(DIMS, 2, 16, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(DIMS, 3)

    def forward(self, x):
        padding = x == 0
        h = self.blocks(self.tokens(x), src_key_padding_mask=padding)
        kept = (~padding).unsqueeze(-1)
        return self.head((h * kept).sum(1) / kept.sum(1))


def case(model):
    model = model.double()
    with torch.no_grad():
        for seed, parameter in enumerate(model.parameters()):
            parameter.copy_(values(*parameter.shape, seed=seed + 1, scale=0.8))
    x = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 0, 0, 0]])
    with torch.enable_grad():  # as in training: without PyTorch's fused kernel for inference
        return {"state": nested(model.state_dict()), "x": x, "logits": model(x).detach()}


def generate():
    return {
        "learned_positions": case(LearnedPositions()),
        "rotary_positions": case(RotaryPositions()),
        "encoder": case(Encoder()),
    }

"""State dicts of torch.nn modules, for from_torch and to_torch: each with an input and what the module gives for it.

sequences: nn.RNN, LSTM, GRU as their options say (batch_first, all outputs). cells: one step from nothing. sequential: tokens
through Embedding, Linear, Tanh, Linear. trained: a Sequential with BatchNorm1d after three steps of training, in evaluation.
tagger: a module of one's own with an embedding, a bidirectional LSTM of two layers, norms without statistics and without
parameters, and a head; tokens (batch, time). State dicts are nested on their names' dots.
"""

import torch
from torch import nn

from generate import nested, values

IN, OUT, BATCH, TIME = 2, 3, 2, 4


def given(*shape, seed, scale=1.0):
    return values(*shape, seed=seed, scale=scale).float().double()


def filled(module, seed):
    """The module in float64 with fixed numbers, which float32 holds too."""
    module = module.double()
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(given(*p.shape, seed=seed + i, scale=0.7))
    return module


def sequences():
    kinds = {"rnn_tanh": (nn.RNN, {"nonlinearity": "tanh"}), "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}), "lstm": (nn.LSTM, {}),
             "gru": (nn.GRU, {})}
    forms = [(1, False, True), (1, True, True), (1, False, False), (3, False, True), (3, True, False)]
    x = given(BATCH, TIME, IN, seed=1)
    cases = []
    for kind, (make, options) in kinds.items():
        for layers, both, bias in forms:
            module = filled(make(IN, OUT, layers, bias=bias, batch_first=True, bidirectional=both, **options), seed=10)
            cases.append({"kind": kind, "num_layers": layers, "bidirectional": both, "use_bias": bias,
                          "state": nested(module.state_dict()), "x": x, "y": module(x)[0].detach()})
    return cases


def cells():
    x = given(BATCH, IN, seed=2)
    cases = {}
    for kind, module in {"rnn": nn.RNNCell(IN, OUT), "lstm": nn.LSTMCell(IN, OUT), "gru": nn.GRUCell(IN, OUT)}.items():
        y = filled(module, seed=20)(x)
        cases[kind] = {"state": nested(module.state_dict()), "x": x, "y": (y[0] if kind == "lstm" else y).detach()}
    return cases


def sequential():
    module = filled(nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)), seed=30)
    x = torch.tensor([[0, 3, 6], [1, 1, 5]])
    return {"state": nested(module.state_dict()), "x": x, "y": module(x).detach()}


def trained():
    module = filled(nn.Sequential(nn.Linear(IN, OUT), nn.BatchNorm1d(OUT), nn.ReLU(), nn.Linear(OUT, 1)), seed=40)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        module(given(5, IN, seed=50 + step)).square().mean().backward()
        optimizer.step()
    x = given(BATCH, IN, seed=3)
    return {"state": nested(module.state_dict()), "x": x, "y": module.eval()(x).detach()}


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 3)
        self.lstm = nn.LSTM(3, OUT, 2, batch_first=True, bidirectional=True)
        self.norm = nn.BatchNorm1d(2 * OUT, affine=False)
        self.plain = nn.BatchNorm1d(2 * OUT, track_running_stats=False)
        self.heads = nn.ModuleList([nn.Linear(2 * OUT, 4), nn.Linear(4, 1)])

    def forward(self, tokens):
        y = self.lstm(self.embedding(tokens))[0][:, -1]
        y = self.plain(self.norm(y))
        return self.heads[1](torch.tanh(self.heads[0](y)))


def tagger():
    module = filled(Tagger(), seed=60)
    tokens = torch.tensor([[0, 3, 6, 2], [1, 1, 5, 4], [2, 0, 0, 1]])
    module(tokens)
    return {"state": nested(module.state_dict()), "x": tokens, "y": module.eval()(tokens).detach()}


def generate():
    return {"sequences": sequences(), "cells": cells(), "sequential": sequential(), "trained": trained(), "tagger": tagger()}

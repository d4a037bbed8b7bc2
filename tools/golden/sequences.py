"""Whole-sequence layers: torch.nn.RNN, LSTM and GRU, stacked and in both directions, on batches of one and of several lengths.

Each case has what went in (ps and carry with luxtorch's names, x (batch, time, in)), the lengths or None (then packed with
enforce_sorted=False), what came out (y, and last: the carry at the end), and the gradients of half the sum of their squares.
"""

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from generate import values

BATCH, TIME, IN, OUT = 3, 4, 2, 2

KINDS = {
    "rnn_tanh": (1, torch.nn.RNN, {"nonlinearity": "tanh"}),
    "rnn_relu": (1, torch.nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (4, torch.nn.LSTM, {}),
    "gru": (3, torch.nn.GRU, {}),
}

# (num_layers, bidirectional, use_bias, lengths, batch_first)
FORMS = [
    (1, False, True, [2, 4, 1], True),
    (1, True, False, None, False),
    (2, False, False, None, True),
    (2, True, True, [3, 1, 4], True),
    (3, False, True, [1, 3, 3], False),
    (3, True, True, None, True),
]


def float32_values(*shape, seed, scale):
    return values(*shape, seed=seed, scale=scale).float().double()


def directions(num_layers, bidirectional):
    """luxtorch's path of each direction of each layer, with torch's suffix."""
    for layer in range(num_layers):
        path = [f"layer_{layer + 1}"] if num_layers > 1 else []
        if not bidirectional:
            yield path, f"_l{layer}"
            continue
        yield path + ["forward_rnn"], f"_l{layer}"
        yield path + ["backward_rnn"], f"_l{layer}_reverse"


def put(tree, path, value):
    if not path:
        return value
    tree = tree or {}
    tree[path[0]] = put(tree.get(path[0]), path[1:], value)
    return tree


def case(name, num_layers, bidirectional, bias, lengths, batch_first):
    gates, make, options = KINDS[name]
    layer = make(IN, OUT, num_layers, bias=bias, batch_first=batch_first, bidirectional=bidirectional, **options).double()
    where = list(directions(num_layers, bidirectional))
    states = 2 if name == "lstm" else 1
    x = float32_values(BATCH, TIME, IN, seed=40, scale=1).requires_grad_()
    carry = [float32_values(len(where), BATCH, OUT, seed=41 + i, scale=1).requires_grad_() for i in range(states)]
    weights = {}
    for i, (key, parameter) in enumerate(layer.named_parameters()):
        weights[key] = float32_values(*parameter.shape, seed=50 + i, scale=0.7).requires_grad_()

    given = x if batch_first else x.transpose(0, 1)
    if lengths:
        given = pack_padded_sequence(given, torch.tensor(lengths), batch_first=batch_first, enforce_sorted=False)
    start = tuple(carry) if states == 2 else carry[0]
    y, last = torch.func.functional_call(layer, weights, (given, start))
    if lengths:
        y, _ = pad_packed_sequence(y, batch_first=batch_first, total_length=TIME)
    y = y if batch_first else y.transpose(0, 1)
    last = list(last) if states == 2 else [last]
    loss = (y.square().sum() + sum(t.square().sum() for t in last)) / 2
    leaves = [x, *carry, *weights.values()]
    grads = dict(zip(map(id, leaves), torch.autograd.grad(loss, leaves)))

    def of_weights(value):
        tree = None
        for path, suffix in where:
            keys = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if bias else [])
            tree = put(tree, path, {key: value(weights[key + suffix]) for key in keys})
        return tree

    def of_carry(tensors):
        tree = None
        for i, (path, _) in enumerate(where):
            tree = put(tree, path, [t[i].detach() for t in tensors])
        return tree

    gradient = lambda t: grads[id(t)]
    return {
        "num_layers": num_layers,
        "bidirectional": bidirectional,
        "use_bias": bias,
        "lengths": torch.tensor(lengths) if lengths else None,
        "inputs": {"ps": of_weights(lambda t: t.detach()), "x": x.detach(), "carry": of_carry(carry)},
        "y": y.detach(),
        "last": of_carry(last),
        "grads": {"ps": of_weights(gradient), "x": gradient(x), "carry": of_carry([gradient(t) for t in carry])},
    }


def generate():
    return {name: [case(name, *form) for form in FORMS] for name in KINDS}

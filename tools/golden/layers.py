"""Layers: Dense with every activation, BatchNorm, the recurrent cells and the whole sequences.

Each case has what went in (ps, x, carry), what came out (y, last: the carry at the end), the weights of the loss
(sum of w_y * y and w_last * last), and that loss's gradients. Numbers that go in are float32's, held in float64, so that one
file serves both.
"""

import torch
from torch.nn import functional as F

from generate import values

BATCH, TIME, IN, OUT = 3, 7, 2, 4

ACTIVATIONS = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "relu6": F.relu6,
    "leakyrelu": F.leaky_relu,
    "elu": F.elu,
    "celu": F.celu,
    "selu": F.selu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "swish": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "softshrink": F.softshrink,
    "tanhshrink": F.tanhshrink,
    "logsigmoid": F.logsigmoid,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardtanh": F.hardtanh,
    "logcosh": lambda z: torch.log(torch.cosh(z)),
    "softmax": lambda z: torch.softmax(z, -1),
    "logsoftmax": lambda z: torch.log_softmax(z, -1),
}

CELLS = {
    "rnn_tanh": (1, lambda bias: torch.nn.RNNCell(IN, OUT, bias, "tanh"), torch.nn.RNN, {"nonlinearity": "tanh"}),
    "rnn_relu": (1, lambda bias: torch.nn.RNNCell(IN, OUT, bias, "relu"), torch.nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (4, lambda bias: torch.nn.LSTMCell(IN, OUT, bias), torch.nn.LSTM, {}),
    "gru": (3, lambda bias: torch.nn.GRUCell(IN, OUT, bias), torch.nn.GRU, {}),
}


def given(*shape, seed, scale=1.0, shift=0.0):
    return values(*shape, seed=seed, scale=scale, shift=shift).float().double()


def detached(value):
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, dict):
        return {k: detached(v) for k, v in value.items()}
    return [detached(v) for v in value]


def case(run, **inputs):
    """run(**inputs) gives (y, last), last a list of tensors; the gradients have the structure of the inputs."""
    leaves = []

    def watch(value):
        if isinstance(value, torch.Tensor):
            leaves.append(value.clone().requires_grad_())
            return leaves[-1]
        if isinstance(value, dict):
            return {k: watch(v) for k, v in value.items()}
        return [watch(v) for v in value]

    watched = watch(inputs)
    y, last = run(**watched)
    w_y = given(*y.shape, seed=90)
    w_last = [given(*t.shape, seed=91 + i) for i, t in enumerate(last)]
    loss = (y * w_y).sum() + sum((t * w).sum() for t, w in zip(last, w_last))
    found = iter(torch.autograd.grad(loss, leaves))

    def gradient(value):
        if isinstance(value, torch.Tensor):
            return next(found)
        if isinstance(value, dict):
            return {k: gradient(v) for k, v in value.items()}
        return [gradient(v) for v in value]

    return {"inputs": inputs, "y": detached(y), "last": detached(last), "w_y": w_y, "w_last": w_last,
            "grads": gradient(inputs)}


def dense():
    ps = {"weight": given(OUT, IN, seed=1, scale=3), "bias": given(OUT, seed=2)}
    x = given(2, BATCH, IN, seed=3, scale=2)  # beyond 6, for relu6
    cases = {name: case(lambda ps, x: (f(F.linear(x, ps["weight"], ps["bias"])), []), ps=ps, x=x)
             for name, f in ACTIVATIONS.items()}
    no_bias = case(lambda ps, x: (F.linear(x, ps["weight"]), []), ps={"weight": ps["weight"]}, x=x)
    return {"activations": cases, "no_bias": no_bias}


def cell_weights(gates, bias):
    ps = {"weight_ih": given(gates * OUT, IN, seed=4, scale=0.6), "weight_hh": given(gates * OUT, OUT, seed=5, scale=0.6)}
    if bias:
        ps |= {"bias_ih": given(gates * OUT, seed=6, scale=0.5), "bias_hh": given(gates * OUT, seed=7, scale=0.5)}
    return ps


def recurrent():
    """step: one step of torch's cell from a carry; loop: seven steps of it from zeros; sequence: torch's layer from a carry."""
    cases = {}
    for name, (gates, make_cell, make_layer, options) in CELLS.items():
        lstm = name == "lstm"
        for bias in (True, False):
            ps = cell_weights(gates, bias)
            carry = [given(BATCH, OUT, seed=8 + i) for i in range(2 if lstm else 1)]
            xs = given(BATCH, TIME, IN, seed=10)
            cell = make_cell(bias).double()
            layer = make_layer(IN, OUT, bias=bias, batch_first=True, **options).double()

            def step(ps, x, carry):
                out = torch.func.functional_call(cell, ps, (x, tuple(carry) if lstm else carry[0]))
                last = list(out) if lstm else [out]
                return last[0], last

            def loop(ps, x):
                carry = [torch.zeros(BATCH, OUT, dtype=torch.float64)] * (2 if lstm else 1)
                ys = []
                for t in range(TIME):
                    y, carry = step(ps, x[:, t], carry)
                    ys.append(y)
                return torch.stack(ys, 1), carry

            def sequence(ps, x, carry):
                start = [h.unsqueeze(0) for h in carry]
                named = {f"{key}_l0": value for key, value in ps.items()}
                y, last = torch.func.functional_call(layer, named, (x, tuple(start) if lstm else start[0]))
                return y, [h.squeeze(0) for h in (last if lstm else [last])]

            cases[name + ("" if bias else "_no_bias")] = {
                "step": case(step, ps=ps, x=xs[:, 0].contiguous(), carry=carry),
                "loop": case(loop, ps=ps, x=xs),
                "sequence": case(sequence, ps=ps, x=xs, carry=carry),
            }
    return cases


def batch_norm():
    ps = {"scale": given(3, seed=20, shift=1, scale=0.5), "bias": given(3, seed=21)}
    cases = {}
    for name, shape in {"matrix": (6, 3), "sequence": (4, 3, 5)}.items():
        x = given(*shape, seed=22, scale=2, shift=0.5)
        for training in (True, False):
            mean, var = given(3, seed=23), given(3, seed=24, shift=2)
            new_mean, new_var = mean.clone(), var.clone()
            result = case(
                lambda ps, x: (F.batch_norm(x, new_mean, new_var, ps["scale"], ps["bias"], training, 0.3, 1e-3), []),
                ps=ps, x=x)
            result["states"] = {"running_mean": mean, "running_var": var}
            result["new_states"] = {"running_mean": new_mean, "running_var": new_var}
            cases[name + ("_training" if training else "_test")] = result
        cases[name + "_plain"] = case(lambda ps, x: (F.batch_norm(x, None, None, training=True), []), ps={}, x=x)
    return cases


def generate():
    return {"dense": dense(), "recurrent": recurrent(), "batch_norm": batch_norm()}

"""Function transforms: torch.func on functions that autodiff/transforms_golden_test.cpp writes in C++."""

import torch
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from generate import values


def mlp(ps, x):
    return torch.tanh(x @ ps["w1"].T + ps["b1"]) @ ps["w2"].T + ps["b2"]


def loss(ps, x, y):
    return ((mlp(ps, x) - y) ** 2).mean()


def lstm(ps, x):
    """The last output of an LSTM over (time, features), gates i, f, g, o."""
    hidden = ps["weight_hh"].shape[1]
    h = c = x.new_zeros(hidden)
    for t in range(x.shape[0]):
        z = ps["weight_ih"] @ x[t] + ps["bias_ih"] + ps["weight_hh"] @ h + ps["bias_hh"]
        i, f, g, o = z.split(hidden)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
    return h


def generate():
    ps = {"w1": values(5, 3, seed=1), "b1": values(5, seed=2), "w2": values(2, 5, seed=3), "b2": values(2, seed=4)}
    direction = {k: values(*v.shape, seed=10 + i) for i, (k, v) in enumerate(ps.items())}
    x, y = values(4, 3, seed=5), values(4, 2, seed=6)
    cotangent = values(4, 2, seed=7)

    outputs, pull = vjp(lambda p: mlp(p, x), ps)
    _, tangent = jvp(lambda p: mlp(p, x), (ps,), (direction,))
    hessian_of = {k: hessian(lambda v, k=k: loss({**ps, k: v}, x, y))(ps[k]) for k in ("w1", "b2")}
    per_sample = vmap(grad(loss), in_dims=(None, 0, 0))(ps, x, y)

    cell = {"weight_ih": values(12, 2, seed=20), "weight_hh": values(12, 3, seed=21), "bias_ih": values(12, seed=22),
            "bias_hh": values(12, seed=23)}
    sequences = values(4, 6, 2, seed=24)
    total = lambda p, s: (lstm(p, s) ** 2).sum()
    sample_gradients = vmap(grad(total), in_dims=(None, 0))(cell, sequences)
    along = {k: values(*v.shape, seed=30 + i) for i, (k, v) in enumerate(cell.items())}
    summed = lambda p: vmap(total, in_dims=(None, 0))(p, sequences).sum()
    _, product = jvp(grad(summed), (cell,), (along,))
    nested = vmap(vmap(lambda a, b: torch.outer(a, b).sin(), in_dims=(None, 0), out_dims=2), in_dims=(1, None))(x, y)
    swept = vmap(lambda v: jvp(lambda p: mlp(p, x), (ps,), ({**direction, "b2": v},))[1], in_dims=0, out_dims=-1)(y)
    single = {k: v.float() for k, v in ps.items()}
    return {
        "nested": nested, "vmap_of_jvp": swept,
        "float32": {"per_sample": vmap(grad(loss), in_dims=(None, 0, 0))(single, x.float(), y.float()),
                    "hessian": hessian(lambda v: loss({**single, "b2": v}, x.float(), y.float()))(single["b2"])},
        "mlp": {
            "ps": ps, "direction": direction, "x": x, "y": y, "cotangent": cotangent, "outputs": outputs,
            "vjp": pull(cotangent)[0], "jvp": tangent, "jacrev": jacrev(mlp)(ps, x), "jacfwd": jacfwd(mlp, argnums=1)(ps, x),
            "hessian": hessian_of, "per_sample": per_sample,
        },
        "lstm": {
            "ps": cell, "x": sequences, "outputs": vmap(lstm, in_dims=(None, 0))(cell, sequences),
            "per_sample": sample_gradients, "direction": along, "hvp": product,
            "jacobian": vmap(jacrev(lstm, argnums=1), in_dims=(None, 0))(cell, sequences),
        },
    }

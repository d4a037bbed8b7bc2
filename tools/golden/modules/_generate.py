"""tests/golden/modules/NAME.json from NAME.py beside this file, which has

    def golden(nn):
        return {"pair": {"module": nn.Bilinear(3, 2, 4), "x": [(5, 3), (5, 2)], "then": nn.Tanh()}}

module: in float64; its parameters, and the floating buffers of its state dict, get fixed numbers. x: the shape of each input. then: what is
applied to its output, as an activation is. A module in evaluation (.eval()) stands for test mode.

A case holds the state dict nested on its names' dots, x, y, the state dict afterwards, and the gradients of
(w_y * y).sum() by x and, in the state dict's place, by the parameters. Numbers that go in are float32's, held in
float64, so that one file serves both.
"""

import importlib.util
from pathlib import Path

import torch

from generate import nested, values


def given(*shape, seed, scale=1.0, shift=0.0):
    return values(*shape, seed=seed, scale=scale, shift=shift).float().double()


def fill(module):
    with torch.no_grad():
        for seed, parameter in enumerate(module.parameters()):
            parameter.copy_(given(*parameter.shape, seed=seed + 1, scale=0.7))
        kept = module.state_dict()
        for seed, (name, buffer) in enumerate(module.named_buffers()):
            if name in kept and buffer.is_floating_point():  # above 0, as variances are
                buffer.copy_(given(*buffer.shape, seed=seed + 31, scale=0.4, shift=1.0))


def case(module, x, then=None):
    module = module.double()
    fill(module)
    state = nested(module.state_dict())
    inputs = [given(*shape, seed=61 + i).requires_grad_() for i, shape in enumerate(x)]
    y = module(*inputs)
    if then is not None:
        y = then(y)
    w_y = given(*y.shape, seed=90)
    parameters = dict(module.named_parameters())
    grads = torch.autograd.grad((w_y * y).sum(), [*inputs, *parameters.values()])
    by_name = dict(zip(parameters, grads[len(inputs):]))
    return {
        "training": module.training,
        "state": state,
        "x": [t.detach() for t in inputs],
        "y": y.detach(),
        "new_state": nested(module.state_dict()),
        "w_y": w_y,
        "x_grads": list(grads[: len(inputs)]),
        "state_grads": nested(module.state_dict() | by_name),
    }


def generate(name):
    spec = importlib.util.spec_from_file_location(f"modules_{name}", Path(__file__).with_name(f"{name}.py"))
    file = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(file)
    return {key: case(**arguments) for key, arguments in file.golden(torch.nn).items()}

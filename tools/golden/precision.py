"""Models in half precision with float32 parameters: outputs, losses and the parameters' gradients.

Linear, convolution and embedding run with x and parameters in the half dtype; normalizations take x in float32 and give
the half dtype; the output is converted to float32, and so is the loss. A case is {state_dict, x, y, loss, grads, st}, st
the running statistics afterwards.
"""

import torch
from torch import nn
from torch.func import functional_call

from generate import nested, values

NORMS = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def fixed(model):
    for i, p in enumerate(model.parameters()):
        p.data = values(*p.shape, seed=i + 1, scale=0.6, dtype=torch.float32)
    for m in model.modules():
        if isinstance(m, NORMS):
            m.weight.data += 1
    return model


def run(model, x, dtype):
    y = x.to(dtype) if x.is_floating_point() else x
    for layer in model:
        if isinstance(layer, NORMS):
            y = layer(y.float()).to(dtype)
        else:
            y = functional_call(layer, {k: p.to(dtype) for k, p in layer.named_parameters()}, (y,))
    return y.float()


def case(model, x, dtype):
    model = fixed(model)
    state_dict = nested(model.state_dict())
    y = run(model, x, dtype)
    loss = (y**2).mean()
    loss.backward()
    grads = nested({name: p.grad for name, p in model.named_parameters()})
    return {"state_dict": state_dict, "x": x, "y": y, "loss": loss, "grads": grads, "st": nested(dict(model.named_buffers()))}


def generate():
    def cases(dtype):
        return {
            "dense": case(nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 3)),
                          values(8, 6, seed=20, dtype=torch.float32), dtype),
            "conv": case(nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)),
                         values(5, 2, 6, 6, seed=21, dtype=torch.float32), dtype),
            "tokens": case(nn.Sequential(nn.Embedding(7, 8), nn.RMSNorm(8, eps=1e-6), nn.Linear(8, 4), nn.Softmax(-1)),
                           torch.tensor([[0, 3, 6], [2, 2, 5]]), dtype),
        }

    return {"float16": cases(torch.float16), "bfloat16": cases(torch.bfloat16)}

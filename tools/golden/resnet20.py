"""ResNet-20 of the tutorial images in torch.nn, float64: logits in both modes, and the gradients of a training step.

The weights are a formula's, as many as 0.27 million, and not in the file: `state` has the name, shape, scale and shift of each
tensor, and entry i has the numbers values(*shape, seed=i, scale=scale, shift=shift) of generate.py. The images are
values(3, 3, 32, 32, seed=100).
"""

import sys

import torch
from torch.nn import functional

from generate import HERE, nested, values

sys.path.insert(0, str(HERE.parents[1] / "tutorials" / "images"))
from models import ResNet20

CHANNELS, CLASSES = 3, 5


def generate():
    module = ResNet20(CHANNELS, CLASSES).double()
    state = []
    with torch.no_grad():
        for seed, (name, tensor) in enumerate(module.state_dict().items()):
            if name.endswith("num_batches_tracked"):
                scale, shift = 0.0, 0.0
            elif tensor.dim() > 1:
                scale, shift = (3 / tensor[0].numel()) ** 0.5, 0.0
            elif name.endswith(("running_var", "norm.weight", "norm_1.weight", "norm_2.weight")):
                scale, shift = 0.5, 1.0
            else:
                scale, shift = 0.2, 0.0
            tensor.copy_(values(*tensor.shape, seed=seed, scale=scale, shift=shift))
            state.append({"name": name, "shape": list(tensor.shape), "scale": scale, "shift": shift})
    x, labels = values(3, CHANNELS, 32, 32, seed=100), torch.tensor([3, 0, 4])
    made = {"state": state, "labels": labels, "y": module.eval()(x).detach()}

    y = module.train()(x)
    functional.cross_entropy(y, labels).backward()
    made["training"] = {"y": y.detach(),
                        "gradients": [{"name": name, "norm": p.grad.norm().item(), "first": p.grad.flatten()[:4]}
                                      for name, p in module.named_parameters()],
                        "statistics": nested({name: b for name, b in module.named_buffers() if b.dim() and "stage_3.2" in name})}
    return made

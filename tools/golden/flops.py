"""Floating-point operations that torch.utils.flop_counter counts: of a pass forward, and of both passes.

The pass backward starts at the sum of the output; x needs no gradient. Recurrent layers run without oneDNN,
whose operators the counter does not see, and attention without the fused kernel, for the same reason. Of
convolutions in groups only the pass forward is kept: the counter takes the product of the weight's gradient
for one as large as without groups.
"""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def last_of(lstm):
    return lambda x: lstm(x)[0]


def frozen(module, *names):
    for name in names:
        module.get_submodule(name).requires_grad_(False)
    return module


def attention(x):
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    return lambda: layer(x, x, x, need_weights=True)[0]


def of(module, *shape):
    x = torch.ones(shape)
    return lambda: module(x)


def chain():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3, bias=False))


def images():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3, stride=2),
                         nn.Flatten(), nn.Linear(12, 2))


def cases():
    return {
        "dense": of(nn.Linear(6, 8), 5, 6),
        "dense_of_sequences": of(nn.Linear(6, 8), 5, 7, 6),
        "dense_chain": of(chain(), 20, 6),
        "dense_chain_first_frozen": of(frozen(chain(), "0"), 20, 6),
        "dense_chain_middle_frozen": of(frozen(chain(), "2"), 20, 6),
        "dense_chain_all_but_last_frozen": of(frozen(chain(), "0", "2"), 20, 6),
        "conv1d_dilated": of(nn.Conv1d(3, 4, 3, dilation=2), 2, 3, 12),
        "conv2d": of(nn.Conv2d(4, 6, 3, stride=2, padding=1), 5, 4, 8, 7),
        "conv3d": of(nn.Conv3d(2, 3, 2), 1, 2, 4, 4, 4),
        "conv2d_in_groups": of(nn.Conv2d(8, 12, 3, groups=4), 5, 8, 6, 7),
        "conv_transpose_in_groups": of(nn.ConvTranspose2d(8, 12, 3, groups=4), 5, 8, 6, 7),
        "conv_transpose": of(nn.ConvTranspose2d(6, 4, 3, stride=2), 5, 6, 4, 3),
        "images": of(images(), 4, 3, 8, 8),
        "conv_after_conv": of(nn.Sequential(nn.Conv2d(4, 6, 3), nn.ConvTranspose2d(6, 4, 3)), 5, 4, 8, 7),
        "rnn": of(last_of(nn.RNN(3, 2, batch_first=True)), 4, 5, 3),
        "lstm": of(last_of(nn.LSTM(3, 2, num_layers=2, batch_first=True)), 4, 5, 3),
        "gru": of(last_of(nn.GRU(3, 2, batch_first=True)), 4, 5, 3),
        "attention": attention(torch.ones(2, 5, 8)),
    }


def counted(run):
    with FlopCounterMode(display=False) as forward:
        y = run()
    with FlopCounterMode(display=False) as backward:
        y.sum().backward()
    return {"forward": forward.get_total_flops(), "step": forward.get_total_flops() + backward.get_total_flops()}


def generate():
    with torch.backends.mkldnn.flags(enabled=False):
        found = {name: counted(run) for name, run in cases().items()}
    return {name: {"forward": c["forward"]} if name.endswith("_in_groups") else c for name, c in found.items()}

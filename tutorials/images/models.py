#!/usr/bin/env python3
"""models.py MODEL WEIGHTS.pt EXAMPLES.npz - this tutorial's models in torch.nn, with the parameters' names of models.cpp.

Loads the weights that the program images has saved (--out), strictly, and computes the logits of its examples (--examples)
again. Exit status 1 if they are more than 2e-5 of the largest apart.
"""

import sys
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional


def named(**layers):
    return nn.Sequential(OrderedDict(layers))


def LeNet(channels, classes):
    return named(conv_1=nn.Conv2d(channels, 6, 5), relu_1=nn.ReLU(), pool_1=nn.MaxPool2d(2), conv_2=nn.Conv2d(6, 16, 5),
                 relu_2=nn.ReLU(), pool_2=nn.MaxPool2d(2), flatten=nn.Flatten(), dense_1=nn.Linear(400, 120), relu_3=nn.ReLU(),
                 dense_2=nn.Linear(120, 84), relu_4=nn.ReLU(), head=nn.Linear(84, classes))


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv_1 = nn.Conv2d(before, after, 3, stride=after // before, padding=1, bias=False)
        self.norm_1 = nn.BatchNorm2d(after)
        self.conv_2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm_2 = nn.BatchNorm2d(after)

    def forward(self, x):
        y = self.norm_2(self.conv_2(functional.relu(self.norm_1(self.conv_1(x)))))
        if y.shape != x.shape:
            x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return functional.relu(y + x)


def ResNet20(channels, classes):
    def stage(before, after):
        return nn.Sequential(Block(before, after), Block(after, after), Block(after, after))

    return named(conv=nn.Conv2d(channels, 16, 3, padding=1, bias=False), norm=nn.BatchNorm2d(16), relu=nn.ReLU(),
                 stage_1=stage(16, 16), stage_2=stage(16, 32), stage_3=stage(32, 64), pool=nn.AdaptiveAvgPool2d(1),
                 flatten=nn.Flatten(), head=nn.Linear(64, classes))


class GeluConv2d(nn.Conv2d):
    def forward(self, x):
        return functional.gelu(super().forward(x))


class Residual(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + x


def ConvMixer(channels, classes, dims=64, depth=4):
    def mixer():
        places = Residual(GeluConv2d(dims, dims, 5, padding="same", groups=dims), nn.BatchNorm2d(dims))
        return nn.Sequential(places, GeluConv2d(dims, dims, 1), nn.BatchNorm2d(dims))

    return named(patches=GeluConv2d(channels, dims, 2, stride=2), norm=nn.BatchNorm2d(dims),
                 mixers=nn.Sequential(*[mixer() for _ in range(depth)]), pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
                 head=nn.Linear(dims, classes))


MODELS = {"lenet": LeNet, "resnet20": ResNet20, "convmixer": ConvMixer}


def main(name, weights, examples):
    import numpy

    with numpy.load(examples) as file:
        x, y, expected = (torch.from_numpy(file[key]) for key in ("x", "y", "logits"))
    model = MODELS[name](x.shape[1], expected.shape[1]).eval()
    model.load_state_dict(torch.load(weights, weights_only=True))
    with torch.no_grad():
        logits = model(x)
    apart = ((logits - expected).abs().max() / expected.abs().max()).item()
    right = (logits.argmax(1) == y).float().mean().item()
    print(f"Accuracy {100 * right:.1f}%, logits at most {apart:.1e} of the largest apart")
    return 0 if apart <= 2e-5 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

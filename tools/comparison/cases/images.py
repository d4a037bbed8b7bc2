"""Models of small images: LeNet-5, and the ResNet-20 of He et al. 2015 (section 4.2), whose shortcuts have no parameters."""

from collections import OrderedDict

import numpy

from case import Case, case

BATCHES, BATCH = 4, 32


def named(nn, **layers):
    return nn.Sequential(OrderedDict(layers))


def classifier(nn, rng, words, model):
    """On noise with a brighter square, whose place is the label."""
    x, y = rng.standard_normal((BATCHES, BATCH, 3, 32, 32)), rng.integers(0, 10, (BATCHES, BATCH))
    for at in numpy.ndindex(y.shape):
        row, column = divmod(y[at], 4)
        x[at][:, 8 * row:8 * row + 8, 8 * column:8 * column + 8] += 1
    return Case(f"{words} of 3 channels and 10 classes; batch {BATCH}, 32 x 32 pixels; cross-entropy", model=model,
                loss=nn.CrossEntropyLoss(), x=x, y=y)


@case("models/lenet")
def lenet(nn, rng):
    return classifier(nn, rng, "LeNet-5", named(
        nn, conv_1=nn.Conv2d(3, 6, 5), relu_1=nn.ReLU(), pool_1=nn.MaxPool2d(2), conv_2=nn.Conv2d(6, 16, 5), relu_2=nn.ReLU(),
        pool_2=nn.MaxPool2d(2), flatten=nn.Flatten(), dense_1=nn.Linear(400, 120), relu_3=nn.ReLU(),
        dense_2=nn.Linear(120, 84), relu_4=nn.ReLU(), head=nn.Linear(84, 10)))


# Slowly, by momentum: at higher rates, and by Adam, rounding in float32 leaves another curve within 20 steps.
@case("models/resnet20", optimisers=("momentum",), lr=1e-3)
def resnet20(nn, rng):
    class Block(nn.Module):
        def __init__(self, before, after):
            super().__init__()
            self.conv_1 = nn.Conv2d(before, after, 3, stride=after // before, padding=1, bias=False)
            self.norm_1 = nn.BatchNorm2d(after)
            self.conv_2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.norm_2 = nn.BatchNorm2d(after)

        def forward(self, x):
            relu = nn.functional.relu
            y = self.norm_2(self.conv_2(relu(self.norm_1(self.conv_1(x)))))
            if y.shape != x.shape:
                x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            return relu(y + x)

    def stage(before, after):
        return nn.Sequential(Block(before, after), Block(after, after), Block(after, after))

    return classifier(nn, rng, "ResNet-20", named(
        nn, conv=nn.Conv2d(3, 16, 3, padding=1, bias=False), norm=nn.BatchNorm2d(16), relu=nn.ReLU(), stage_1=stage(16, 16),
        stage_2=stage(16, 32), stage_3=stage(32, 64), pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
        head=nn.Linear(64, 10)))

"""Networks so small that a step is mostly not products, and larger ones that are: dense layers, and a LeNet for
figures of 28 x 28 pixels. `tools/run small_networks` measures them alone.
"""

import functools
from collections import OrderedDict

from case import Case, case

BATCHES = 4
DENSE = {  # the activation and the batch
    (24, 24, 24, 2): ("relu", 128),
    (2, 32, 32, 32, 2): ("tanh", 64),
    (784, 128, 64, 10): ("relu", 128),
    (64, 512, 512, 10): ("relu", 256),
}
LENET_BATCH = 128


def dense(nn, rng, widths, activation, batch):
    layers, kind = OrderedDict(), {"relu": nn.ReLU, "tanh": nn.Tanh}[activation]
    for i, (before, after) in enumerate(zip(widths, widths[1:-1]), 1):
        layers[f"dense_{i}"], layers[f"{activation}_{i}"] = nn.Linear(before, after), kind()
    layers["head"] = nn.Linear(*widths[-2:])
    return Case(f"Dense layers of {' => '.join(map(str, widths))}, {activation}; batch {batch}; cross-entropy",
                model=nn.Sequential(layers), loss=nn.CrossEntropyLoss(), x=rng.standard_normal((BATCHES, batch, widths[0])),
                y=rng.integers(0, widths[-1], (BATCHES, batch)))


def lenet(nn, rng):
    model = nn.Sequential(OrderedDict(
        conv_1=nn.Conv2d(1, 6, 5, padding=2), relu_1=nn.ReLU(), pool_1=nn.MaxPool2d(2),
        conv_2=nn.Conv2d(6, 16, 5), relu_2=nn.ReLU(), pool_2=nn.MaxPool2d(2), flatten=nn.Flatten(),
        dense_1=nn.Linear(400, 120), relu_3=nn.ReLU(), dense_2=nn.Linear(120, 84), relu_4=nn.ReLU(), head=nn.Linear(84, 10)))
    return Case(f"LeNet-5 of 1 channel and 10 classes; batch {LENET_BATCH}, 28 x 28 pixels; cross-entropy", model=model,
                loss=nn.CrossEntropyLoss(), x=rng.standard_normal((BATCHES, LENET_BATCH, 1, 28, 28)),
                y=rng.integers(0, 10, (BATCHES, LENET_BATCH)))


def jax_classes(ps, x, y, layers, activation):
    """The cross-entropy of dense layers of these names and the head."""
    import jax
    import jax.numpy as jnp

    f = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]
    for name in layers:
        x = f(x @ ps[f"{name}.weight"].T + ps[f"{name}.bias"])
    logits = x @ ps["head.weight"].T + ps["head.bias"]
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=-1))


def jax_dense(ps, x, y, widths, activation):
    return jax_classes(ps, x, y, [f"dense_{i}" for i in range(1, len(widths) - 1)], activation)


def jax_lenet(ps, x, y):
    import jax

    def conv(x, name, pad):
        y = jax.lax.conv_general_dilated(x, ps[f"{name}.weight"], (1, 1), [(pad, pad)] * 2,
                                         dimension_numbers=("NHWC", "OIHW", "NHWC"))
        return jax.nn.relu(y + ps[f"{name}.bias"])

    def pool(x):
        n, height, width, channels = x.shape
        return x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))

    # Channels last, and a pool by shapes: both faster here than XLA's other ways.
    x = pool(conv(x.reshape(-1, 28, 28, 1), "conv_1", pad=2))
    x = pool(conv(x, "conv_2", pad=0)).transpose(0, 3, 1, 2).reshape(len(x), -1)
    return jax_classes(ps, x, y, ["dense_1", "dense_2"], "relu")


for widths, (activation, batch) in DENSE.items():
    case(f"small/{'-'.join(map(str, widths))}", jax=functools.partial(jax_dense, widths=widths, activation=activation))(
        functools.partial(dense, widths=widths, activation=activation, batch=batch))
# At a higher rate rounding in float32 leaves another curve within 20 steps.
case("small/lenet", lr=1e-4, jax=jax_lenet)(lenet)

"""Every activation that torch.nn has a module for."""

from case import Case, case

MODULES = {
    "sigmoid": lambda nn: nn.Sigmoid(),
    "tanh": lambda nn: nn.Tanh(),
    "relu": lambda nn: nn.ReLU(),
    "relu6": lambda nn: nn.ReLU6(),
    "leakyrelu": lambda nn: nn.LeakyReLU(0.01),
    "elu": lambda nn: nn.ELU(1.0),
    "celu": lambda nn: nn.CELU(1.0),
    "selu": lambda nn: nn.SELU(),
    "gelu": lambda nn: nn.GELU(approximate="none"),
    "gelu_tanh": lambda nn: nn.GELU(approximate="tanh"),
    "swish": lambda nn: nn.SiLU(),
    "mish": lambda nn: nn.Mish(),
    "softplus": lambda nn: nn.Softplus(beta=1, threshold=20),
    "softsign": lambda nn: nn.Softsign(),
    "softshrink": lambda nn: nn.Softshrink(0.5),
    "tanhshrink": lambda nn: nn.Tanhshrink(),
    "logsigmoid": lambda nn: nn.LogSigmoid(),
    "hardsigmoid": lambda nn: nn.Hardsigmoid(),
    "hardswish": lambda nn: nn.Hardswish(),
    "hardtanh": lambda nn: nn.Hardtanh(-1, 1),
    "thresholdrelu": lambda nn: nn.Threshold(1, 0),
    "softmax": lambda nn: nn.Softmax(dim=-1),
    "logsoftmax": lambda nn: nn.LogSoftmax(dim=-1),
}


def activation(name, module):
    @case(f"activations/{name}")
    def make(nn, rng):
        # Wide enough for what clamps at -3, 3 and 6.
        return Case(f"Dense 64 => 128, {name}; batch 128; mean squared error",
                    model=nn.Sequential(nn.Linear(64, 128), module(nn)), loss=nn.MSELoss(),
                    x=4 * rng.standard_normal((8, 128, 64)), y=rng.standard_normal((8, 128, 128)))


for name, module in MODULES.items():
    activation(name, module)

"""One small model for all optimisers: nearly all of its training step is theirs."""

from case import Case, case

RATES = {"sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "clipped": 0.05, "adam": 1e-3, "adam_l2": 1e-3, "adamw": 1e-3,
         "adamax": 1e-3, "adagrad": 0.05, "adadelta": 1.0, "rmsprop": 1e-3, "rmsprop_centred": 1e-3,
         "rprop": 1e-3}


@case("optimisers/perceptron", optimisers=tuple(RATES), lr=RATES)
def perceptron(nn, rng):
    return Case("Dense 64 => 128, tanh, Dense 128 => 128, tanh, Dense 128 => 8; batch 16",
                model=nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 8)),
                loss=nn.MSELoss(), x=rng.standard_normal((8, 16, 64)), y=rng.standard_normal((8, 16, 8)))

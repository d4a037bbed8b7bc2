"""Layers that are not recurrent; dense.py is the example."""

from case import Case, case


def numbers(rng, outputs=10):
    return {"x": rng.standard_normal((8, 128, 32)), "y": rng.standard_normal((8, 128, outputs))}


@case("layers/dense_no_bias")
def no_bias(nn, rng):
    return Case("Dense 32 => 64 without bias, tanh, Dense 64 => 10; batch 128",
                model=nn.Sequential(nn.Linear(32, 64, bias=False), nn.Tanh(), nn.Linear(64, 10)), loss=nn.MSELoss(),
                **numbers(rng))


@case("layers/embedding")
def embedding(nn, rng):
    return Case("Embedding 1000 => 64 of 20 tokens, Dense 1280 => 10; batch 128; cross-entropy",
                model=nn.Sequential(nn.Embedding(1000, 64), nn.Flatten(), nn.Linear(20 * 64, 10)),
                loss=nn.CrossEntropyLoss(), x=rng.integers(0, 1000, (8, 128, 20)), y=rng.integers(0, 10, (8, 128)))


@case("layers/batchnorm")
def batch_norm(nn, rng):
    return Case("Dense 32 => 64, BatchNorm 64, tanh, Dense 64 => 10; batch 128",
                model=nn.Sequential(nn.Linear(32, 64), nn.BatchNorm1d(64, eps=1e-5, momentum=0.1), nn.Tanh(),
                                    nn.Linear(64, 10)), loss=nn.MSELoss(), **numbers(rng))


@case("layers/batchnorm_sequence")
def batch_norm_sequence(nn, rng):
    return Case("BatchNorm of 16 channels and 50 steps, epsilon 1e-3, momentum 0.3, Dense 800 => 10; batch 128",
                model=nn.Sequential(nn.BatchNorm1d(16, eps=1e-3, momentum=0.3), nn.Flatten(), nn.Linear(16 * 50, 10)),
                loss=nn.MSELoss(), x=2 * rng.standard_normal((8, 128, 16, 50)) + 0.5,
                y=rng.standard_normal((8, 128, 10)))


@case("layers/reshape")
def reshape(nn, rng):
    return Case("Dense 32 => 64, reshaped to 8 x 8, Dense 8 => 4, flattened; batch 128",
                model=nn.Sequential(nn.Linear(32, 64), nn.Unflatten(1, (8, 8)), nn.Linear(8, 4), nn.Flatten()),
                loss=nn.MSELoss(), **numbers(rng, 32))


@case("layers/skip_connection")
def skip_connection(nn, rng):
    class Skip(nn.Sequential):
        def forward(self, x):
            return super().forward(x) + x

    return Case("Dense 32 => 64, Dense 64 => 64 and tanh with its input added, Dense 64 => 10; batch 128",
                model=nn.Sequential(nn.Linear(32, 64), Skip(nn.Linear(64, 64), nn.Tanh()), nn.Linear(64, 10)),
                loss=nn.MSELoss(), **numbers(rng))


@case("layers/checkpointed")
def checkpointed(nn, rng):
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Sequential):
        def forward(self, x):
            return checkpoint(super().forward, x, use_reentrant=False)

    return Case("Dense 32 => 64, tanh, Dense 64 => 64 computed twice instead of remembered, Dense 64 => 10; batch 128",
                model=nn.Sequential(Checkpointed(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 64)), nn.Linear(64, 10)),
                loss=nn.MSELoss(), **numbers(rng))


@case("layers/dropout", random=True)
def dropout(nn, rng):
    return Case("Dense 32 => 64, Dropout 0.5, Dense 64 => 10; batch 128",
                model=nn.Sequential(nn.Linear(32, 64), nn.Dropout(0.5), nn.Linear(64, 10)), loss=nn.MSELoss(),
                **numbers(rng))

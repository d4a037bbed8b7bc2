from case import Case, case


@case("layers/dense")
def dense(nn, rng):
    return Case("Dense 32 => 64, tanh, Dense 64 => 10; batch 128",
                model=nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 10)), loss=nn.MSELoss(),
                x=rng.standard_normal((8, 128, 32)), y=rng.standard_normal((8, 128, 10)))

"""Bilinear: torch.nn.Bilinear."""


def golden(nn):
    class Twice(nn.Bilinear):
        def forward(self, x):
            return super().forward(x, x)

    return {
        "pair": {"module": nn.Bilinear(3, 2, 4), "x": [(5, 3), (5, 2)], "then": nn.Tanh()},
        "sequence": {"module": nn.Bilinear(2, 3, 4, bias=False), "x": [(3, 5, 2), (3, 5, 3)]},
        "twice": {"module": Twice(3, 3, 2), "x": [(5, 3)]},
    }


def compared(nn):
    class Twice(nn.Bilinear):
        def forward(self, x):
            return super().forward(x, x)

    return {"words": "Bilinear of 32 features with themselves, 10 outputs; batch 128", "module": Twice(32, 32, 10),
            "x": (32,), "y": (10,)}

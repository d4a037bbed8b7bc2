"""Scale: no module of torch.nn; by its formula."""


def golden(nn):
    import torch

    class Scale(nn.Module):
        def __init__(self, *dims, bias=True):
            super().__init__()
            self.weight = nn.Parameter(torch.empty(dims))
            self.bias = nn.Parameter(torch.empty(dims)) if bias else None

        def forward(self, x):
            y = x * self.weight
            return y if self.bias is None else y + self.bias

    return {
        "vector": {"module": Scale(3), "x": [(4, 3)], "then": nn.Tanh()},
        "broadcast": {"module": Scale(2, 1), "x": [(4, 2, 3)]},
        "no_bias": {"module": Scale(5, 3, bias=False), "x": [(4, 1, 3)]},
    }

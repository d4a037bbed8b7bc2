"""GatedFeedForward: three torch.nn.Linear with the names of Hugging Face's models."""


def gated_feed_forward(nn, dims, hidden, act, bias=False):
    class GatedFeedForward(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate_proj = nn.Linear(dims, hidden, bias=bias)
            self.up_proj = nn.Linear(dims, hidden, bias=bias)
            self.down_proj = nn.Linear(hidden, dims, bias=bias)
            self.act = act

        def forward(self, x):
            return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))

    return GatedFeedForward()


def golden(nn):
    return {
        "swiglu": {"module": gated_feed_forward(nn, 5, 6, nn.SiLU()), "x": [(4, 5)]},
        "geglu": {"module": gated_feed_forward(nn, 5, 3, nn.GELU(), bias=True), "x": [(2, 4, 5)]},
        "default_size": {"module": gated_feed_forward(nn, 3, 64, nn.SiLU()), "x": [(4, 3)]},
    }


def compared(nn):
    return {"words": "GatedFeedForward of 96 features, 256 hidden, 50 steps, then a mean square; batch 128",
            "module": gated_feed_forward(nn, 96, 256, nn.SiLU()), "x": (50, 96), "y": (50, 96)}

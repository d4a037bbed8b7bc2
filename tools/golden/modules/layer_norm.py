"""LayerNorm: torch.nn.LayerNorm, and Lux's default, over all dimensions of x, by its formula."""


def golden(nn):
    import torch

    class OverAll(nn.LayerNorm):
        def forward(self, x):
            var, mean = torch.var_mean(x, correction=0)
            return (x - mean) / torch.sqrt(var + self.eps) * self.weight + self.bias

    return {
        "matrix": {"module": nn.LayerNorm(5), "x": [(4, 5)], "then": nn.Tanh()},
        "image": {"module": nn.LayerNorm((3, 2), eps=1e-2), "x": [(2, 4, 3, 2)]},
        "vector": {"module": nn.LayerNorm(5), "x": [(5,)]},
        "plain": {"module": nn.LayerNorm(4, elementwise_affine=False), "x": [(3, 2, 4)]},
        "no_bias": {"module": nn.LayerNorm(5, bias=False), "x": [(4, 5)]},
        "all": {"module": OverAll(5), "x": [(4, 5)]},
    }


def compared(nn):
    return {"words": "LayerNorm of 64 features, 50 steps, then a mean square; batch 128",
            "module": nn.LayerNorm(64), "x": (50, 64), "y": (50, 64)}

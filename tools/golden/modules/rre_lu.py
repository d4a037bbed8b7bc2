"""RReLU: torch.nn.RReLU in test mode; in training its draws are others."""


def golden(nn):
    return {
        "test": {"module": nn.RReLU().eval(), "x": [(5, 3)]},
        "numbers": {"module": nn.RReLU(0.1, 0.7).eval(), "x": [(3, 5, 2)]},
    }

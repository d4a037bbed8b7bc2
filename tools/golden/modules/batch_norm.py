"""BatchNorm: torch.nn.BatchNorm1d, whose running statistics are states."""


def golden(nn):
    return {
        "training": {"module": nn.BatchNorm1d(3, eps=1e-3, momentum=0.3), "x": [(6, 3)], "then": nn.Tanh()},
        "test": {"module": nn.BatchNorm1d(3).eval(), "x": [(4, 3, 5)]},
        "plain": {"module": nn.BatchNorm1d(3, affine=False, track_running_stats=False), "x": [(4, 3, 5)]},
    }

"""PixelShuffle: torch.nn.PixelShuffle; of one and three spatial dimensions by reshape and permute."""


def golden(nn):
    class Sequences(nn.Module):
        def forward(self, x):
            b, c, t = x.shape
            return x.reshape(b, c // 3, 3, t).transpose(2, 3).reshape(b, c // 3, t * 3)

    class Volumes(nn.Module):
        def forward(self, x):
            b, c, d, h, w = x.shape
            return x.reshape(b, c // 8, 2, 2, 2, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(
                b, c // 8, 2 * d, 2 * h, 2 * w)

    return {
        "image": {"module": nn.PixelShuffle(2), "x": [(2, 8, 2, 3)]},
        "sequence": {"module": Sequences(), "x": [(2, 6, 4)]},
        "volume": {"module": Volumes(), "x": [(2, 8, 1, 2, 3)]},
    }


def compared(nn):
    return {"words": "PixelShuffle of 16 channels of 32 by 32 by 2, then a mean square; batch 128",
            "module": nn.PixelShuffle(2), "x": (16, 32, 32), "y": (4, 64, 64)}

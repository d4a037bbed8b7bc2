"""PixelUnshuffle: torch.nn.PixelUnshuffle; of one and three spatial dimensions by reshape and permute."""


def golden(nn):
    class Sequences(nn.Module):
        def forward(self, x):
            b, c, t = x.shape
            return x.reshape(b, c, t // 3, 3).transpose(2, 3).reshape(b, c * 3, t // 3)

    class Volumes(nn.Module):
        def forward(self, x):
            b, c, d, h, w = x.shape
            return x.reshape(b, c, d // 2, 2, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(
                b, 8 * c, d // 2, h // 2, w // 2)

    return {
        "image": {"module": nn.PixelUnshuffle(2), "x": [(2, 2, 4, 6)]},
        "sequence": {"module": Sequences(), "x": [(2, 2, 6)]},
        "volume": {"module": Volumes(), "x": [(2, 1, 2, 4, 6)]},
    }


def compared(nn):
    return {"words": "PixelUnshuffle of 4 channels of 64 by 64 by 2, then a mean square; batch 128",
            "module": nn.PixelUnshuffle(2), "x": (4, 64, 64), "y": (16, 32, 32)}

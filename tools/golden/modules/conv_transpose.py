"""ConvTranspose: torch.nn.ConvTranspose1d, ConvTranspose2d and ConvTranspose3d."""


def golden(nn):
    class Cut(nn.ConvTranspose2d):
        def forward(self, x):
            return super().forward(x)[:, :, 1:-2, :-1]  # pads of (1, 2) and (0, 1)

    return {
        "sequence": {"module": nn.ConvTranspose1d(3, 4, 3), "x": [(2, 3, 4)], "then": nn.Tanh()},
        "image": {"module": nn.ConvTranspose2d(2, 3, (3, 2), padding=(1, 0)), "x": [(2, 2, 3, 4)]},
        "volume": {"module": nn.ConvTranspose3d(2, 2, (2, 1, 2), stride=(1, 1, 2)), "x": [(2, 2, 2, 1, 3)]},
        "outpad": {"module": nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=(1, 0)), "x": [(2, 2, 2, 3)]},
        "dilation": {"module": nn.ConvTranspose2d(2, 2, (2, 3), stride=2, dilation=(3, 2)), "x": [(2, 2, 2, 2)]},
        "groups": {"module": nn.ConvTranspose2d(4, 6, 2, groups=2), "x": [(2, 4, 2, 3)]},
        "asymmetric": {"module": Cut(2, 2, 3, stride=2), "x": [(2, 2, 2, 3)]},
        "no_bias": {"module": nn.ConvTranspose2d(2, 2, 2, bias=False), "x": [(2, 2, 2, 3)]},
        "one_sample": {"module": nn.ConvTranspose2d(2, 3, 2, stride=2), "x": [(2, 2, 3)]},
    }


def compared(nn):
    return {"words": "ConvTranspose of 16 channels to 8, 4x4 by stride 2 from 8x8, then a mean square; batch 128",
            "module": nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1), "x": (16, 8, 8), "y": (8, 16, 16)}

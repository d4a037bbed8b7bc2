"""Upsample: torch.nn.Upsample."""


def golden(nn):
    def case(shape, **options):
        return {"module": nn.Upsample(**options), "x": [shape]}

    return {
        "nearest": case((2, 2, 3, 4), scale_factor=2, mode="nearest"),
        "nearest_sequence": case((2, 3, 5), size=7, mode="nearest"),
        "nearest_volume": case((2, 2, 2, 3, 2), scale_factor=(2, 1, 3), mode="nearest"),
        "nearest_fraction": case((2, 2, 3, 4), scale_factor=(2.5, 0.5), mode="nearest"),
        "nearest_exact": case((2, 2, 3, 4), size=(5, 7), mode="nearest-exact"),
        "nearest_exact_sequence": case((2, 3, 5), scale_factor=1.5, mode="nearest-exact"),
        "nearest_exact_volume": case((2, 2, 2, 3, 2), size=(3, 4, 5), mode="nearest-exact"),
        "linear": case((2, 3, 3), scale_factor=2.5, mode="linear"),
        "linear_by_size": case((2, 3, 3), size=7, mode="linear"),
        "bilinear": case((2, 2, 3, 4), scale_factor=2, mode="bilinear"),
        "bilinear_aligned": case((2, 2, 3, 4), scale_factor=2, mode="bilinear", align_corners=True),
        "bilinear_by_size": case((2, 2, 3, 4), size=(5, 3), mode="bilinear"),
        "trilinear": case((2, 2, 2, 3, 2), scale_factor=2, mode="trilinear"),
        "bicubic": case((2, 2, 3, 4), scale_factor=1.5, mode="bicubic"),
        "bicubic_aligned": case((2, 2, 3, 4), size=(5, 7), mode="bicubic", align_corners=True),
    }


def compared(nn):
    return {"words": "Upsample of 16 channels of 16 by 16 by 2, bilinear, then a mean square; batch 128",
            "module": nn.Upsample(scale_factor=2, mode="bilinear"), "x": (16, 16, 16), "y": (16, 32, 32)}

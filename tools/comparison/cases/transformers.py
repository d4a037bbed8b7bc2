"""A transformer encoder, and a model of characters that sees no later ones."""

from case import Case, case


def blocks(nn, dims):
    layer = nn.TransformerEncoderLayer(dims, 4, 4 * dims, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(dims), enable_nested_tensor=False)


@case("models/transformer_encoder")
def encoder(nn, rng):
    return Case("TransformerEncoder of 64 features, 2 layers, 4 heads, then a mean square; batch 32, time 64",
                model=blocks(nn, 64), loss=nn.MSELoss(), x=rng.standard_normal((8, 32, 64, 64)),
                y=rng.standard_normal((8, 32, 64, 64)))


@case("models/char_transformer")
def characters(nn, rng):
    cross_entropy = nn.CrossEntropyLoss()

    class Characters(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(68, 128)
            self.encoder = blocks(nn, 128)
            self.head = nn.Linear(128, 68)

        def forward(self, x):
            mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], dtype=self.head.weight.dtype)
            return self.head(self.encoder(self.tokens(x), mask=mask, is_causal=True))

    tokens = rng.integers(0, 68, (8, 16, 129))
    return Case("Embedding 68 => 128, causal TransformerEncoder of 2 layers and 4 heads, Dense 128 => 68; batch 16, time 128; "
                "cross-entropy", model=Characters(), loss=lambda y_hat, y: cross_entropy(y_hat.mT, y),
                x=tokens[:, :, :-1], y=tokens[:, :, 1:])

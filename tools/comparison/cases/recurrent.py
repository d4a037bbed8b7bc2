"""Recurrent layers with their options, and the cells in a loop of the user's own."""

from case import Case, case

BATCH, TIME = 64, 30


def numbers(rng):
    return {"x": rng.standard_normal((8, BATCH, TIME, 8)), "y": rng.standard_normal((8, BATCH, 4))}


def layer(name, words, kind, **options):
    both = options.get("bidirectional", False)

    @case(f"layers/{name}", recurrent=True)
    def make(nn, rng):
        import torch

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.recurrent = getattr(nn, kind)(8, 32, batch_first=True, **options)
                self.head = nn.Linear(64 if both else 32, 4)

            def forward(self, x):
                y, _ = self.recurrent(x)
                last = y[:, -1]
                if both:
                    last = torch.cat([last[:, :32], y[:, 0, 32:]], 1)  # the last one backwards is the first
                return self.head(last)

        return Case(f"{kind} 8 => 32{words}, Dense => 4 of the last output; batch {BATCH}, time {TIME}", model=Model(),
                    loss=nn.MSELoss(), **numbers(rng))


for kind in ("RNN", "LSTM", "GRU"):
    layer(kind.lower(), "", kind)
    layer(f"{kind.lower()}_bidirectional", " in both directions", kind, bidirectional=True)
layer("rnn_relu", " with relu", "RNN", nonlinearity="relu")
layer("lstm_no_bias", " without biases", "LSTM", bias=False)


@case("layers/lstm_lengths")
def lengths(nn, rng):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = nn.LSTM(8, 32, batch_first=True)
            self.head = nn.Linear(32, 4)

        def forward(self, x, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            return self.head(self.recurrent(packed)[1][0].squeeze(0))

    data = numbers(rng)
    return Case(f"LSTM 8 => 32 of rows of different lengths, Dense => 4; batch {BATCH}, time 1 to {TIME}", model=Model(),
                loss=nn.MSELoss(), x=(data["x"], rng.integers(1, TIME + 1, (8, BATCH))), y=data["y"])


def cell(kind):
    @case(f"layers/{kind.lower()}_cell")
    def make(nn, rng):
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.cell = getattr(nn, f"{kind}Cell")(8, 32)
                self.head = nn.Linear(32, 4)

            def forward(self, x):
                carry = None
                for step in x.unbind(1):
                    carry = self.cell(step, carry)
                return self.head(carry[0] if kind == "LSTM" else carry)

        return Case(f"{kind}Cell 8 => 32 in a loop, Dense => 4; batch {BATCH}, time {TIME}", model=Model(),
                    loss=nn.MSELoss(), **numbers(rng))


for kind in ("RNN", "LSTM", "GRU"):
    cell(kind)

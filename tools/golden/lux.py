"""Models of Lux by Lux's formulas in NumPy, for from_lux and to_lux, on arrays as Julia indexes them.

trained: the outputs of the spiral tutorial's model for each trained_model file of tests/golden/jld2, which tools/verify_jld2.py
reads. one, zero_five: parameters in the layouts of Lux 1 and of Lux 0.5 (see lux_layout.h), an input and the output; x is
(batch, time, in) here, and Lux's (in, time, batch) there.
"""

import sys
from pathlib import Path

import numpy as np

from generate import values

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import verify_jld2  # noqa: E402

IN, OUT, BATCH, TIME = 2, 3, 4, 5


def given(*shape, seed, scale=0.8):
    return values(*shape, seed=seed, scale=scale).float().double().numpy()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm(ps, x, h, c):
    """x (in, batch), and in what follows too; Lux 0.5 has one bias."""
    if "weight_i" in ps:
        z = ps["weight_i"] @ x + ps["weight_h"] @ h + ps["bias"]
    else:
        z = ps["weight_ih"] @ x + ps["weight_hh"] @ h + (ps["bias_ih"] + ps["bias_hh"])[:, None]
    i, f, g, o = np.split(z, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def old_gru(ps, x, h):
    a, d = np.split(ps["weight_i"] @ x, 3), np.split(ps["weight_h"] @ h + ps["bias_h"], 3)
    r, z = sigmoid(a[0] + d[0]), sigmoid(a[1] + d[1])
    n = np.tanh(a[2] + ps["bias_i"] + r * d[2])
    return (1 - z) * n + z * h


def old_rnn(ps, x, h):
    return np.tanh(ps["weight_ih"] @ x + ps["weight_hh"] @ h + ps["bias"][:, None])


def steps(x):
    """(in, batch) for each time step."""
    return [x[:, t].T for t in range(x.shape[1])]


def run_lstm(ps, xs):
    out = (ps["weight_h"] if "weight_h" in ps else ps["weight_hh"]).shape[1]
    h = c = np.zeros((out, xs[0].shape[1]))
    ys = []
    for x in xs:
        h, c = lstm(ps, x, h, c)
        ys.append(h)
    return ys


def dense(ps, x):
    return ps["weight"] @ x + ps["bias"].reshape(-1, 1)


def trained():
    x = given(BATCH, TIME, IN, seed=1)
    cases = []
    for path in sorted((ROOT / "tests/golden/jld2").glob("*/trained_model_*.jld2")):
        _, file, errors = verify_jld2.check(path.read_bytes(), "new")
        assert not errors, errors
        ps = {part: {name: np.asarray(a, dtype=np.float64) for name, a in own.items()} for part, own in file["ps_trained"].items()}
        for time in (1, TIME):
            y = sigmoid(dense(ps["classifier"], run_lstm(ps["lstm_cell"], steps(x[:, :time]))[-1]))
            cases.append({"file": f"{path.parent.name}/{path.name}", "x": x[:, :time].copy(), "y": y[0]})
    return cases


def one():
    cell = lambda seed, n: {"weight_ih": given(4 * OUT, n, seed=seed), "weight_hh": given(4 * OUT, OUT, seed=seed + 1),
                            "bias_ih": given(4 * OUT, seed=seed + 2), "bias_hh": given(4 * OUT, seed=seed + 3)}
    tokens = np.array([[0, 3, 6, 2], [1, 1, 5, 4], [2, 0, 0, 1]])
    ps = {"layer_1": {"weight": given(IN, 7, seed=1)},
          "layer_2": {"forward_rnn": cell(10, IN), "backward_rnn": {"rev1": {}, "rnn": cell(20, IN), "rev2": {}}},
          "layer_3": {},
          "layer_4": {"weight": given(1, 2 * OUT, seed=2), "bias": given(1, seed=3)}}
    empty = {"rev1": {}, "rnn": {}, "rev2": {}}
    st = {"layer_1": {}, "layer_2": {"forward_rnn": {}, "backward_rnn": empty}, "layer_3": {}, "layer_4": {}}
    xs = [ps["layer_1"]["weight"][:, tokens[:, t]] for t in range(tokens.shape[1])]
    forward = run_lstm(ps["layer_2"]["forward_rnn"], xs)
    backward = run_lstm(ps["layer_2"]["backward_rnn"]["rnn"], xs[::-1])[::-1]
    y = dense(ps["layer_4"], np.concatenate([forward[-1], backward[-1]]))
    return {"ps": ps, "st": st, "x": tokens, "y": y.T.copy()}


def zero_five():
    x = given(BATCH, TIME, IN, seed=4)
    head = {"weight": given(1, OUT, seed=5), "bias": given(1, 1, seed=6)}
    cells = {
        "lstm": {"weight_i": given(4 * OUT, IN, seed=30), "weight_h": given(4 * OUT, OUT, seed=31), "bias": given(4 * OUT, 1, seed=32)},
        "gru": {"weight_i": given(3 * OUT, IN, seed=33), "weight_h": given(3 * OUT, OUT, seed=34), "bias_i": given(OUT, 1, seed=35),
                "bias_h": given(3 * OUT, 1, seed=36)},
        "rnn": {"weight_ih": given(OUT, IN, seed=37), "weight_hh": given(OUT, OUT, seed=38), "bias": given(OUT, seed=39)},
    }
    cases = {}
    for kind, ps in cells.items():
        if kind == "lstm":
            h = run_lstm(ps, steps(x))[-1]
        else:
            h = np.zeros((OUT, BATCH))
            for step in steps(x):
                h = old_gru(ps, step, h) if kind == "gru" else old_rnn(ps, step, h)
        cases[kind] = {"ps": {"layer_1": ps, "layer_2": head}, "x": x, "y": dense(head, h).T.copy()}
    return cases


def generate():
    return {"trained": trained(), "one": one(), "zero_five": zero_five()}

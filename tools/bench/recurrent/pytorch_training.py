"""What the Python PyTorch competitors share: the usual training loop's step, eager or compiled."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import problem as problems
import turns

try:
    import torch
    from torch import nn
except ImportError as error:
    turns.skip(f"this Python has no PyTorch ({error})")


def loss_of(kind, y_hat, y):
    if kind == "binary":
        return nn.functional.binary_cross_entropy(y_hat, y)
    if kind == "next":
        return nn.functional.cross_entropy(y_hat.flatten(0, 1), y.flatten())
    return nn.functional.mse_loss(y_hat, y)


class Model(nn.Module):
    """make(shape) is the recurrent part; over_sequence(recurrent, x) gives every step's output, or the last."""

    def __init__(self, shape, make, outputs_of):
        super().__init__()
        self.kind = shape.loss
        self.recurrent = make(shape)
        self.outputs_of = outputs_of
        self.head = nn.Linear(shape.hidden, shape.outputs) if shape.outputs else None

    def forward(self, x):
        h = self.outputs_of(self.recurrent, x, every_step=self.kind == "next")
        if self.kind == "binary":
            return self.head(h).sigmoid().squeeze(-1)
        return self.head(h) if self.head else h


def take_turns(make, outputs_of, suffix=lambda layer: f"_l{layer}", compiled=False):
    """make(shape) is the recurrent module, whose parameters of a layer end on suffix(layer);
    outputs_of(module, x, every_step) runs it."""

    def open_problem(path, what):
        problem = problems.read(path)
        shape = problem.shape
        arrays = {name: torch.from_numpy(values) for name, values in problem.arrays.items()}
        x, y = arrays["x"], arrays["y"]
        if shape.loss == "next":
            x = nn.functional.one_hot(x, shape.inputs).float()
        model = Model(shape, make, outputs_of)

        def objective(x, y):
            return loss_of(shape.loss, model(x), y)

        run, learn = (torch.compile(model), torch.compile(objective)) if compiled else (model, objective)

        def set_parameters():
            with torch.no_grad():
                for layer in range(shape.layers):
                    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                        getattr(model.recurrent, name + suffix(layer)).copy_(arrays[f"{name}_l{layer}"])
                if model.head:
                    model.head.weight.copy_(arrays["weight"])
                    model.head.bias.copy_(arrays["bias"])

        def start_training():
            set_parameters()
            optimizer = torch.optim.Adam(model.parameters(), lr=shape.lr, fused=True)
            last = [None]

            def step():
                optimizer.zero_grad()
                loss = learn(x, y)
                loss.backward()
                optimizer.step()
                last[0] = loss.item()

            return step, lambda: last[0]

        def start_forward():
            set_parameters()
            last = [None, None]

            def step():
                with torch.inference_mode():
                    last[0] = run(x)

            def value():  # once: the output stays the same
                if last[1] is None:
                    last[1] = loss_of(shape.loss, last[0], y).item()
                return last[1]

            return step, value

        start = start_training if what == "step" else start_forward
        if compiled:
            start()[0]()  # fails here where there is no compiler
        return start

    turns.take(f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}", open_problem,
               torch.get_num_threads())

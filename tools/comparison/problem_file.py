"""A case as a file that both sides read: the first parameters, the batches, the optimiser.

problem.pt is a dictionary for torch.load and luxtorch's torch_archive: case, optimiser, lr, device,
batches (their number), state_dict, x (a tensor, or a tuple of them), y. Beside it, for a case that JAX has
too, problem.npz with the arrays ps.NAME, x, y and problem.json with case, optimiser, lr and dtype.
"""

import json
import types

import numpy
import torch

SEED = 0


def make_case(entry, nn=torch.nn):
    """Always the same model's first parameters, and the same data."""
    torch.manual_seed(SEED)
    return entry.make(nn, numpy.random.default_rng(SEED))


def replaced(**modules):
    """torch.nn with other modules in it."""
    return types.SimpleNamespace(**{**vars(torch.nn), **modules})


def cast(arrays, dtype):
    if isinstance(arrays, tuple):
        return tuple(cast(a, dtype) for a in arrays)
    t = torch.as_tensor(numpy.asarray(arrays))
    return t.to(dtype) if t.is_floating_point() else t


def write(folder, entry, optimiser, dtype, device):
    """Its path, and the case's words."""
    made = make_case(entry)
    x, y = cast(made.x, dtype), cast(made.y, dtype)
    for part in x if isinstance(x, tuple) else (x,):
        if len(part) != len(y):
            raise ValueError(f"{entry.name}: x has {len(part)} batches and y has {len(y)}")
    state_dict = {name: t.detach().to(dtype) if t.is_floating_point() else t.detach()
                  for name, t in made.model.state_dict().items()}
    path = folder / "problem.pt"
    torch.save({"case": entry.name, "optimiser": optimiser, "lr": float(entry.lr[optimiser]), "device": device,
                "batches": len(y), "state_dict": state_dict, "x": x, "y": y}, path)
    if entry.jax:
        arrays = {f"ps.{name}": t.numpy() for name, t in state_dict.items()}
        numpy.savez(folder / "problem.npz", x=x.numpy(), y=y.numpy(), **arrays)
        (folder / "problem.json").write_text(json.dumps(
            {"case": entry.name, "optimiser": optimiser, "lr": entry.lr[optimiser],
             "dtype": str(dtype).removeprefix("torch.")}))
    return path, made.words


class Problem:
    """The file's case in PyTorch: its model with the file's parameters, in training, and its batches."""

    def __init__(self, path, entries, nn=torch.nn):
        file = torch.load(path, weights_only=True)
        self.entry = entries[file["case"]]
        self.device = torch.device(file["device"])
        made = make_case(self.entry, nn)
        if nn is not torch.nn and not any(isinstance(m, (nn.LSTM, nn.GRU, nn.RNN)) for m in made.model.modules()):
            raise TypeError(f"{self.entry.name}: its recurrent layers are not those of the nn that it is given")
        self.loss = made.loss
        self.state_dict = file["state_dict"]
        dtype = next((t.dtype for t in self.state_dict.values() if t.is_floating_point()), None)
        self.model = made.model.to(self.device, dtype)
        x, y = file["x"], file["y"]
        x = x if isinstance(x, tuple) else (x,)
        self.batches = [(tuple(part[i].to(self.device) for part in x), y[i].to(self.device))
                        for i in range(file["batches"])]
        self.optimiser, self.lr = file["optimiser"], file["lr"]
        self.start()

    def start(self):
        self.model.load_state_dict(self.state_dict)
        self.model.train()

    def batch(self, step):
        return self.batches[step % len(self.batches)]

    def objective(self, x, y):
        return self.loss(self.model(*x), y)

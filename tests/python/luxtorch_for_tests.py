"""The package from the sources with the library of this build, and what its tests share."""

import os
import sys
import unittest
from pathlib import Path

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
LIBRARY = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "lib/libluxtorch_python.so"
os.environ["LUXTORCH_LIBRARY"] = str(LIBRARY.parent)
sys.path.insert(0, str(SOURCE / "tools/python"))

if not LIBRARY.exists():
    raise unittest.SkipTest("the operators for Python are not built")
try:
    import torch
except ImportError as error:
    raise unittest.SkipTest(f"this Python has no torch ({error})") from error

import luxtorch  # noqa: E402

KINDS = (("LSTM", {}), ("GRU", {}), ("RNN", {}), ("RNN", {"nonlinearity": "relu"}))
LIMITS = {torch.float64: 1e-10, torch.float32: 2e-5}


def pair(name, *arguments, **options):
    """torch.nn's module and ours with the same parameters."""
    theirs = getattr(torch.nn, name)(*arguments, **options)
    ours = getattr(luxtorch.nn, name)(*arguments, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def flat(*values):
    """All tensors in values, PackedSequence's too."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            found += flat(*value)
    return found


def states(name, module, batch, requires_grad=False):
    shape = (module.num_layers * (2 if module.bidirectional else 1), batch, module.hidden_size)
    made = [torch.randn(shape, dtype=module.weight_hh_l0.dtype, requires_grad=requires_grad)
            for _ in range(2 if name == "LSTM" else 1)]
    return tuple(made) if name == "LSTM" else made[0]


def outputs_and_gradients(module, x, hx, wanted):
    """Of a sum of the outputs with the same weights for every module; gradients by `wanted`."""
    outputs = flat(module(x, hx))
    generator = torch.Generator().manual_seed(0)
    loss = 0
    for output in outputs:
        if output.is_floating_point():
            weights = torch.randn(output.shape, generator=generator, dtype=torch.float64).to(output.dtype)
            loss = loss + (output * weights).sum()
    gradients = torch.autograd.grad(loss, wanted, retain_graph=True)
    return [t.detach() for t in outputs] + list(gradients)


class Sequences(torch.utils.data.Dataset):
    """What a module makes of its inputs, in the worker, and whether by the kernels. Here, as workers import it."""

    def __init__(self, module):
        self.module = module

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x = torch.full((64, 40, 4), float(index))
        with torch.no_grad():
            y = self.module(x)[0]
        return y, luxtorch.nn.last_path().kernels


class Case(unittest.TestCase):
    def assertClose(self, ours, theirs, limit=None):
        """max |a - b| / max |b| of each tensor; limit 0: the same to the last bit."""
        ours, theirs = flat(ours), flat(theirs)
        self.assertEqual(*([(t.shape, t.dtype, t.stride()) for t in tensors] for tensors in (ours, theirs)))
        for a, b in zip(ours, theirs):
            if not b.is_floating_point() or b.numel() == 0 or limit == 0:
                self.assertTrue(torch.equal(a, b))
                continue
            difference = ((a - b).abs().max() / b.abs().max().clamp_min(1e-300)).item()
            self.assertLessEqual(difference, limit or LIMITS[b.dtype])

    def assertKernels(self, kernels=True, reason=""):
        path = luxtorch.nn.last_path()
        self.assertEqual(path.kernels, kernels, path)
        self.assertIn(reason, path.reason)

"""PyTorch's own module tests: the samples of torch.testing._internal's module_db, on luxtorch.nn's classes.

luxtorch.nn has no cells: those stay torch.nn's, and from_torch leaves them alone.
"""

import copy
import io
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import Case, flat, luxtorch

import torch

try:
    from torch.testing._internal.common_modules import module_db
except ImportError as error:
    raise unittest.SkipTest(f"PyTorch's module tests cannot be imported ({error}); tools/setup --test installs "
                            "what they need") from error

OURS = {torch.nn.LSTM: luxtorch.nn.LSTM, torch.nn.GRU: luxtorch.nn.GRU, torch.nn.RNN: luxtorch.nn.RNN}
CELLS = (torch.nn.LSTMCell, torch.nn.GRUCell, torch.nn.RNNCell)
torch.set_num_threads(1)


def samples(dtype, training, requires_grad=False, classes=tuple(OURS)):
    """PyTorch's samples, each with torch.nn's module and ours of the same parameters, and what forward is given."""
    for info in module_db:
        if info.module_cls not in classes:
            continue
        torch.manual_seed(0)
        for number, sample in enumerate(info.module_inputs_func(
                info, device="cpu", dtype=dtype, requires_grad=requires_grad, training=training)):
            arguments, options = sample.constructor_input.args, sample.constructor_input.kwargs
            options = {**options, "device": "cpu", "dtype": dtype}
            theirs = info.module_cls(*arguments, **options).train(training)
            ours = luxtorch.nn.from_torch(info.module_cls(*arguments, **options)).train(training)
            if info.module_cls in OURS:
                ours = OURS[info.module_cls](*arguments, **options).train(training)
            ours.load_state_dict(theirs.state_dict())
            yield f"{info.name} {number}: {sample.desc} {ours}", theirs, ours, sample


def call(module, sample, seed=0):
    torch.manual_seed(seed)  # of dropout
    return flat(module(*copied(sample.forward_input.args), **sample.forward_input.kwargs))


def copied(values):
    """Leaves of their own, so that gradients of two calls do not add up."""
    if isinstance(values, torch.Tensor):
        return values.detach().clone().requires_grad_(values.requires_grad)
    return tuple(copied(v) for v in values) if isinstance(values, (tuple, list)) else values


class TorchModuleTest(Case):
    def every(self, dtypes=(torch.float64, torch.float32), modes=(True, False), **options):
        count = 0
        for dtype in dtypes:
            for training in modes:
                for name, theirs, ours, sample in samples(dtype, training, **options):
                    count += 1
                    with self.subTest(sample=name, dtype=dtype, training=training):
                        yield theirs, ours, sample
        self.assertGreaterEqual(count, 80, "PyTorch has its samples no more")

    def test_forward(self):
        for theirs, ours, sample in self.every():
            self.assertClose(call(ours, sample), call(theirs, sample))
            if not ours.proj_size:
                self.assertKernels()

    def test_gradients(self):
        for theirs, ours, sample in self.every(dtypes=(torch.float64,), requires_grad=True):
            found = []
            for module in (theirs, ours):
                inputs = copied(sample.forward_input.args)
                wanted = [t for t in flat(*inputs) if t.requires_grad] + list(module.parameters())
                torch.manual_seed(0)
                outputs = flat(module(*inputs, **sample.forward_input.kwargs))
                first = torch.autograd.grad(sum(t.square().sum() for t in outputs), wanted, create_graph=True)
                second = torch.autograd.grad(sum(g.square().sum() for g in first), wanted, allow_unused=True,
                                             materialize_grads=True)
                found.append([t.detach().contiguous() for t in (*outputs, *first, *second)])
            self.assertClose(found[1], found[0])

    def test_gradients_equal_finite_differences(self):
        for _, ours, sample in self.every(dtypes=(torch.float64,), requires_grad=True):
            inputs = [t for t in flat(*sample.forward_input.args) if t.requires_grad]
            parameters = dict(ours.named_parameters())

            def run(*values, ours=ours, sample=sample, names=tuple(parameters)):
                torch.manual_seed(0)
                weights = dict(zip(names, values, strict=False))
                return tuple(flat(torch.func.functional_call(ours, weights, sample.forward_input.args)))

            values = (*parameters.values(), *inputs)
            self.assertTrue(torch.autograd.gradcheck(run, values, fast_mode=True))

    def test_inputs_that_are_not_contiguous(self):
        for theirs, ours, sample in self.every(dtypes=(torch.float64,)):
            sample = copy.copy(sample)
            apart = [torch.stack([t, t], -1)[..., 0] if isinstance(t, torch.Tensor) else t
                     for t in sample.forward_input.args]
            sample.forward_input = copy.copy(sample.forward_input)
            sample.forward_input.args = tuple(apart)
            self.assertClose(call(ours, sample), call(theirs, sample))

    def test_pickle_copies_and_text(self):
        for theirs, ours, sample in self.every(dtypes=(torch.float32,)):
            self.assertEqual(repr(ours), repr(theirs))
            file = io.BytesIO()
            torch.save(ours, file)
            file.seek(0)
            for other in (torch.load(file, weights_only=False), copy.deepcopy(ours)):
                self.assertIs(type(other), type(ours))
                self.assertClose(call(other, sample), call(ours, sample), limit=0)

    def test_conversions(self):
        for theirs, ours, sample in self.every(dtypes=(torch.float32,)):
            for module in (theirs, ours):
                self.assertTrue(all(p.dtype == torch.float64 for p in module.double().parameters()))
                self.assertTrue(all(p.device.type == "meta" for p in copy.deepcopy(module).to("meta").parameters()))
            wide = copy.copy(sample)
            wide.forward_input = copy.copy(sample.forward_input)
            wide.forward_input.args = tuple(
                tuple(s.double() for s in t) if isinstance(t, (tuple, list)) else t.double() if t is not None else t
                for t in sample.forward_input.args)
            self.assertClose(call(ours, wide), call(theirs, wide))

    def test_cells_are_left_alone(self):
        for dtype in (torch.float64, torch.float32):
            for name, theirs, ours, sample in samples(dtype, True, classes=CELLS):
                with self.subTest(sample=name):
                    self.assertIs(type(ours), type(theirs))
                    self.assertClose(call(ours, sample), call(theirs, sample), limit=0)


if __name__ == "__main__":
    unittest.main()

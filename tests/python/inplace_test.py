"""Tensors that are written into between forward and backward: what torch.nn's modules allow is allowed, and right."""

import itertools
import sys
import unittest
import weakref
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import KINDS, Case, flat, pair, states

import torch
from torch.nn.utils.rnn import PackedSequence, pack_sequence

IN, OUT, BATCH, TIME = 5, 7, 4, 6
torch.set_num_threads(1)


def modules_of(name, frozen, **options):
    for module in pair(name, IN, OUT, **options):
        for parameter, tensor in module.named_parameters():
            tensor.requires_grad_(frozen not in parameter if frozen else True)
        yield module


def gradients(module, name, make_input, input_trains, change):
    """After change(module, x, hx, y, state), or None where backward raises."""
    torch.manual_seed(1)
    leaf, x = make_input(input_trains)
    hx = states(name, module, x.batch_sizes[0] if isinstance(x, PackedSequence) else x.shape[0 if module.batch_first else 1])
    y, state = module(x, hx)
    loss = sum(t.square().sum() for t in flat(y, state) if t.is_floating_point())
    with torch.no_grad():
        change(module, x, flat(hx), y, flat(state))
    wanted = [p for p in module.parameters() if p.requires_grad] + ([leaf] if input_trains else [])
    try:
        return [t.contiguous() for t in torch.autograd.grad(loss, wanted)]
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
        return None


def changes(module):
    """What may be written into, by name."""
    found = {"x": lambda m, x, hx, y, state: flat(x)[0].add_(1),
             "hx": lambda m, x, hx, y, state: [t.add_(1) for t in hx],
             "y and the states": lambda m, x, hx, y, state: [t.mul_(2) for t in (flat(y)[0], *state)],
             "x by y": lambda m, x, hx, y, state: flat(x)[0].add_(flat(y)[0].sum())}
    for name, _ in module.named_parameters():
        found[name] = lambda m, x, hx, y, state, name=name: getattr(m, name).add_(1)
    return found


class InPlaceTest(Case):
    def input(self, dtype, batch_first, batch=BATCH, time=TIME):
        def make(trains):
            shape = (batch, time, IN) if batch_first else (time, batch, IN)
            leaf = torch.randn(shape, dtype=dtype, requires_grad=trains)
            return leaf, leaf * 1

        return make

    def compare(self, name, options, make_input, frozen="", input_trains=False):
        theirs, _ = pair(name, IN, OUT, **options)
        allowed = []
        for what, change in changes(theirs).items():
            with self.subTest(name=name, options=options, frozen=frozen, input_trains=input_trains, change=what):
                torch.manual_seed(0)
                found = [gradients(m, name, make_input, input_trains, change)
                         for m in modules_of(name, frozen, **options)]
                self.assertKernels()
                if found[0] is not None:
                    self.assertIsNotNone(found[1], "torch.nn trains here")
                    self.assertClose(found[1], found[0])
                    allowed.append(what)
        return allowed

    def test_what_torch_allows_is_allowed(self):
        for (name, extra), batch_first, dtype in itertools.product(KINDS, (False, True), (torch.float64, torch.float32)):
            options = dict(extra, batch_first=batch_first, dtype=dtype)
            make = self.input(dtype, batch_first)
            self.compare(name, options, make)
            self.compare(name, options, make, input_trains=True)
            self.compare(name, dict(options, num_layers=2, bidirectional=True), make)

    def test_a_batch_first_input_may_be_written_into(self):
        for name, extra in KINDS:
            options = dict(extra, batch_first=True, dtype=torch.float64)
            self.assertIn("x by y", self.compare(name, options, self.input(torch.float64, True)))

    def test_frozen_parts_need_nothing(self):
        for (name, extra), batch_first in itertools.product(KINDS, (False, True)):
            options = dict(extra, num_layers=2, dtype=torch.float64, batch_first=batch_first)
            make = self.input(torch.float64, batch_first)
            for frozen in ("_l0", "weight", "weight_ih", "bias"):
                self.compare(name, options, make, frozen)
            self.assertIn("x", self.compare(name, options, make, "_l0"))
            self.assertIn("x", self.compare(name, options, make, "weight_ih"))

    def test_one_step_and_one_row(self):
        for (name, extra), batch_first, (batch, time) in itertools.product(KINDS, (False, True), ((4, 1), (1, 6), (1, 1))):
            options = dict(extra, batch_first=batch_first, dtype=torch.float64)
            self.compare(name, options, self.input(torch.float64, batch_first, batch, time))

    def test_packed_sequences(self):
        def make(trains):
            leaf = torch.randn(10, IN, dtype=torch.float64, requires_grad=trains)
            return leaf, pack_sequence([row * 1 for row in leaf.split([4, 3, 2, 1])])

        for name, extra in KINDS:
            self.compare(name, dict(extra, dtype=torch.float64), make)

    def test_what_backward_reads_is_still_watched(self):
        for change in ("weight_hh_l0", "weight_ih_l1", "x"):
            _, ours = pair("LSTM", IN, OUT, num_layers=2, dtype=torch.float64)
            found = gradients(ours, "LSTM", self.input(torch.float64, False), False,
                              changes(ours)[change])
            self.assertIsNone(found, change)

    def test_gradients_of_gradients_read_everything_as_it_was(self):
        _, ours = pair("LSTM", IN, OUT, batch_first=True, dtype=torch.float64)
        for change in ("x", "bias_hh_l0"):
            x = torch.randn(BATCH, TIME, IN, dtype=torch.float64)
            loss = ours(x)[0].square().sum()
            with torch.no_grad():
                changes(ours)[change](ours, x, [], None, None)
            with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
                torch.autograd.grad(loss, list(ours.parameters()), create_graph=True)

    def test_twice_through_a_graph_that_was_freed_is_torch_s_error(self):
        _, ours = pair("LSTM", IN, OUT)
        loss = ours(torch.randn(TIME, BATCH, IN))[0].sum()
        loss.backward()
        with self.assertRaisesRegex(RuntimeError, "backward through the graph a second time"):
            loss.backward()

    def test_a_graph_keeps_no_input_that_it_does_not_need_alive_after_backward(self):
        _, ours = pair("LSTM", IN, OUT, batch_first=True)
        x = torch.randn(BATCH, TIME, IN)
        loss = ours(x)[0].sum()
        gone = weakref.ref(x)
        loss.backward()
        del x
        self.assertIsNone(gone())


if __name__ == "__main__":
    unittest.main()

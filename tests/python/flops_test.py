"""torch.utils.flop_counter counts for luxtorch.nn's modules what it counts for torch.nn's."""

import itertools
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import KINDS, Case, flat, pair, states

import torch
from torch.nn.utils.rnn import pack_sequence
from torch.utils.flop_counter import FlopCounterMode


class FlopsTest(Case):
    def counted(self, module, x, hx, train):
        with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(train):
            outputs = flat(module(x, hx))
            if train:
                sum(t.sum() for t in outputs if t.is_floating_point()).backward()
        return counter.get_total_flops()

    def compare(self, name, options, x, hx, train, frozen=""):
        counts = []
        for module in pair(name, 5, 7, dtype=torch.float64, **options):
            for key, parameter in module.named_parameters():
                parameter.requires_grad_(not frozen or frozen not in key)
            counts.append(self.counted(module, x, hx, train))
        self.assertKernels()
        self.assertEqual(counts[1], counts[0])
        self.assertGreater(counts[1], 0)

    def test_all_kinds_forward_and_backward(self):
        for (name, extra), layers, bidirectional, bias, x_trains, train in itertools.product(
                KINDS, (1, 2), (False, True), (False, True), (False, True), (False, True)):
            options = dict(extra, num_layers=layers, bidirectional=bidirectional, bias=bias, batch_first=not bias)
            for time in (6, 1):
                with self.subTest(name=name, options=options, x_trains=x_trains, train=train, time=time):
                    shape = (time, 4, 5) if bias else (4, time, 5)
                    self.compare(name, options, torch.randn(shape, dtype=torch.float64, requires_grad=x_trains), None, train)

    def test_states_and_frozen_weights(self):
        for (name, extra), frozen in itertools.product(KINDS, ("", "_l0", "_l1", "weight_ih", "weight_hh")):
            for hx_trains in (False, True):
                with self.subTest(name=name, frozen=frozen, hx_trains=hx_trains):
                    options = dict(extra, num_layers=2)
                    theirs, _ = pair(name, 5, 7, dtype=torch.float64, **options)
                    hx = states(name, theirs, 4, requires_grad=hx_trains)
                    self.compare(name, options, torch.randn(6, 4, 5, dtype=torch.float64), hx, True, frozen)

    def test_packed_sequences(self):
        for (name, extra), train in itertools.product(KINDS, (False, True)):
            with self.subTest(name=name, train=train):
                x = pack_sequence([torch.randn(n, 5, dtype=torch.float64) for n in (4, 3, 3, 1)])
                self.compare(name, extra, x, None, train)


if __name__ == "__main__":
    unittest.main()

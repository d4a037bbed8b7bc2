"""luxtorch.nn against torch.nn: values, gradients, gradients of gradients, random numbers."""

import itertools
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import KINDS, Case, flat, outputs_and_gradients, pair, states

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence

IN, OUT, BATCH, TIME = 5, 7, 4, 6
torch.set_num_threads(1)  # small sequences, many of them


def every_kind():
    """Kind of cell, and all combinations of the constructor's options."""
    for (name, extra), layers, bidirectional, bias, batch_first in itertools.product(
            KINDS, (1, 2, 3), (False, True), (False, True), (False, True)):
        yield name, dict(extra, num_layers=layers, bidirectional=bidirectional, bias=bias, batch_first=batch_first)


class ValuesTest(Case):
    def compare(self, name, options, dtype, given_hx, make_input, limit=None):
        torch.manual_seed(1)
        theirs, ours = pair(name, IN, OUT, dtype=dtype, **options)
        x, wanted = make_input(options, dtype)
        hx = states(name, theirs, BATCH, requires_grad=True) if given_hx else None
        results = []
        for module in (theirs, ours):
            torch.manual_seed(2)
            results.append(outputs_and_gradients(module, x, hx, wanted + flat(hx) + list(module.parameters())))
        self.assertKernels()
        outputs = len(results[0]) - len(wanted + flat(hx) + list(theirs.parameters()))
        self.assertClose(results[1][:outputs], results[0][:outputs], limit)
        # How gradients lie in memory is nobody's promise.
        self.assertClose([t.contiguous() for t in results[1][outputs:]], [t.contiguous() for t in results[0][outputs:]],
                         limit)

    def batched(self, options, dtype):
        shape = (BATCH, TIME, IN) if options["batch_first"] else (TIME, BATCH, IN)
        x = torch.randn(shape, dtype=dtype, requires_grad=True)
        return x, [x]

    def packed(self, options, dtype):
        rows = [torch.randn(length, IN, dtype=dtype, requires_grad=True) for length in (3, TIME, 1, TIME - 1)]
        return pack_sequence(rows, enforce_sorted=False), rows

    def packed_in_order(self, options, dtype):
        rows = [torch.randn(length, IN, dtype=dtype, requires_grad=True) for length in (TIME, 3, 3, 1)]
        return pack_sequence(rows), rows

    def test_all_kinds_give_torch_s_values_and_gradients(self):
        for (name, options), dtype, given_hx in itertools.product(
                every_kind(), (torch.float64, torch.float32), (False, True)):
            if dtype == torch.float32 and options["bias"] != given_hx:
                continue
            with self.subTest(name=name, options=options, dtype=dtype, hx=given_hx):
                self.compare(name, options, dtype, given_hx, self.batched)

    def test_packed_sequences_give_torch_s_values_and_gradients(self):
        for (name, options), given_hx in itertools.product(every_kind(), (False, True)):
            if options["num_layers"] == 3 or options["bias"] != given_hx:
                continue
            for make_input in (self.packed, self.packed_in_order):
                with self.subTest(name=name, options=options, hx=given_hx, order=make_input.__name__):
                    self.compare(name, options, torch.float64, given_hx, make_input)
        self.compare("LSTM", dict(batch_first=True), torch.float32, True, self.packed)

    def test_a_packed_output_is_packed_as_torch_s(self):
        theirs, ours = pair("LSTM", IN, OUT, bidirectional=True, batch_first=True)
        x = pack_padded_sequence(torch.randn(3, TIME, IN), [2, 6, 4], batch_first=True, enforce_sorted=False)
        a, _ = ours(x)
        b, _ = theirs(x)
        self.assertIs(type(a), type(b))
        for field in ("batch_sizes", "sorted_indices", "unsorted_indices"):
            self.assertTrue(torch.equal(getattr(a, field), getattr(b, field)))

    def test_dropout_draws_torch_s_numbers(self):
        for name, batch_first, bidirectional in itertools.product(("LSTM", "GRU", "RNN"), (False, True), (False, True)):
            for dtype, make_input in ((torch.float64, self.batched), (torch.float32, self.batched),
                                      (torch.float64, self.packed)):
                with self.subTest(name=name, batch_first=batch_first, bidirectional=bidirectional, dtype=dtype,
                                  input=make_input.__name__):
                    options = dict(num_layers=3, dropout=0.4, batch_first=batch_first, bidirectional=bidirectional)
                    self.compare(name, options, dtype, False, make_input)
        self.compare("LSTM", dict(num_layers=2, dropout=1.0, batch_first=False), torch.float64, False, self.batched)

    def test_after_dropout_the_generator_is_where_torch_leaves_it(self):
        theirs, ours = pair("LSTM", IN, OUT, num_layers=2, dropout=0.5)
        after = []
        for module in (theirs, ours):
            torch.manual_seed(7)
            module(torch.zeros(TIME, BATCH, IN))
            after.append(torch.rand(3))
        self.assertTrue(torch.equal(*after))
        for module in (theirs.eval(), ours.eval()):
            torch.manual_seed(7)
            module(torch.zeros(TIME, BATCH, IN))
            after.append(torch.rand(3))
        self.assertTrue(torch.equal(*after[2:]))
        self.assertFalse(torch.equal(*after[1:3]))

    def test_unbatched_input_and_a_batch_s_rows_agree_with_torch(self):
        for name, batch_first in itertools.product(("LSTM", "GRU", "RNN"), (False, True)):
            theirs, ours = pair(name, IN, OUT, num_layers=2, batch_first=batch_first, dtype=torch.float64)
            x = torch.randn(TIME, IN, dtype=torch.float64)
            hx = states(name, theirs, 1)
            hx = tuple(t.squeeze(1) for t in hx) if name == "LSTM" else hx.squeeze(1)
            for given in (None, hx):
                self.assertClose(ours(x, given), theirs(x, given))
                self.assertKernels()

    def test_views_and_expanded_tensors_give_the_same(self):
        theirs, ours = pair("GRU", IN, OUT, dtype=torch.float64)
        wide = torch.randn(IN, BATCH, 2 * TIME, dtype=torch.float64)
        turned = wide.permute(2, 1, 0)
        for x in (turned, turned[::2], turned[:1, :1].expand(TIME, 3, IN)):
            h = torch.randn(1, 1, OUT, dtype=torch.float64).expand(1, x.shape[1], OUT)
            self.assertClose(ours(x, h), theirs(x, h))
            self.assertKernels()

    def test_gradients_by_some_outputs_and_some_parameters_only(self):
        for name in ("LSTM", "GRU"):
            theirs, ours = pair(name, IN, OUT, num_layers=2, bidirectional=True, dtype=torch.float64)
            for module in (theirs, ours):
                for parameter in ("weight_ih_l0", "bias_hh_l0", "weight_hh_l1_reverse"):
                    getattr(module, parameter).requires_grad_(False)
            x = torch.randn(TIME, BATCH, IN, dtype=torch.float64)
            for pick in (lambda out: out[0][-1], lambda out: flat(out[1])[0][1], lambda out: flat(out[1])[-1][3]):
                gradients = []
                for module in (theirs, ours):
                    wanted = [p for p in module.parameters() if p.requires_grad]
                    gradients.append(torch.autograd.grad(pick(module(x)).square().sum(), wanted, allow_unused=True,
                                                         materialize_grads=True))
                self.assertClose(gradients[1], gradients[0])

    def test_gradients_of_gradients_equal_torch_s(self):
        for name, options in (("LSTM", {}), ("LSTM", dict(num_layers=2, bidirectional=True, dropout=0.3)), ("GRU", {}),
                              ("RNN", dict(batch_first=True, num_layers=2, dropout=0.3))):
            for make_input in (self.batched, self.packed):
                theirs, ours = pair(name, IN, OUT, dtype=torch.float64, **options)
                found = []
                for module in (theirs, ours):
                    torch.manual_seed(3)
                    x, wanted = make_input({"batch_first": False, **options}, torch.float64)
                    hx = states(name, theirs, BATCH, requires_grad=True)
                    by = wanted + flat(hx) + list(module.parameters())
                    loss = sum(t.square().sum() for t in flat(module(x, hx)) if t.is_floating_point())
                    first = torch.autograd.grad(loss, by, create_graph=True)
                    second = torch.autograd.grad(sum(g.square().sum() for g in first), by)
                    found.append([t.detach().contiguous() for t in (*first, *second)])
                self.assertKernels()
                self.assertClose(found[1], found[0])

    def test_tensors_kept_for_backward_may_be_saved_elsewhere(self):
        _, ours = pair("LSTM", IN, OUT, num_layers=2, dtype=torch.float64)
        x = torch.randn(TIME, BATCH, IN, dtype=torch.float64)
        plain = torch.autograd.grad(ours(x)[0].square().sum(), list(ours.parameters()))
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
            out = ours(x)[0].square().sum()
        self.assertClose(torch.autograd.grad(out, list(ours.parameters())), plain)

    def test_hooks_of_parameters_run_in_torch_s_order(self):
        for (name, options), batch_trains, register in itertools.product(
                every_kind(), (False, True), ("register_hook", "register_post_accumulate_grad_hook")):
            if options["num_layers"] == 3:
                continue
            orders = []
            for module in pair(name, IN, OUT, dtype=torch.float64, **options):
                order = []
                for key, parameter in module.named_parameters():
                    getattr(parameter, register)(lambda _, key=key, order=order: order.append(key))
                x = torch.randn(BATCH, TIME, IN, dtype=torch.float64, requires_grad=batch_trains)
                module(x)[0].sum().backward()
                orders.append(order)
            self.assertEqual(orders[1], orders[0])
            self.assertEqual(len(orders[1]), len(list(module.parameters())))
            self.assertKernels()

    def test_hooks_change_gradients_and_gradients_of_gradients(self):
        found = []
        for module in pair("LSTM", IN, OUT, dtype=torch.float64):
            module.weight_hh_l0.register_hook(lambda g: g * 2)
            torch.manual_seed(0)
            loss = module(torch.randn(TIME, BATCH, IN, dtype=torch.float64))[0].square().sum()
            by = list(module.parameters())
            first = torch.autograd.grad(loss, by, create_graph=True)
            found.append([t.detach().contiguous() for t in
                          (*first, *torch.autograd.grad(sum(g.square().sum() for g in first), by))])
        self.assertClose(found[1], found[0])

    def test_a_changed_parameter_is_seen_and_one_changed_before_backward_is_an_error(self):
        theirs, ours = pair("LSTM", IN, OUT)
        x = torch.randn(TIME, BATCH, IN)
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (theirs, ours)]
        for _ in range(3):
            for module, optimizer in zip((theirs, ours), optimizers):
                optimizer.zero_grad()
                module(x)[0].square().mean().backward()
                optimizer.step()
        self.assertClose(list(ours.parameters()), list(theirs.parameters()))
        loss = ours(x)[0].sum()
        with torch.no_grad():
            ours.weight_hh_l0.mul_(2)
        with self.assertRaisesRegex(RuntimeError, "modified by an inplace operation"):
            loss.backward()


if __name__ == "__main__":
    unittest.main()

"""luxtorch.nn's modules as modules: constructors, files, copies, errors, and when torch's own forward runs."""

import copy
import io
import itertools
import pickle
import sys
import unittest
import warnings
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import KINDS, Case, flat, luxtorch, pair, states

import torch

torch.set_num_threads(1)
NAMES = ("LSTM", "GRU", "RNN")


class ModuleTest(Case):
    def setUp(self):
        torch.manual_seed(0)
        self.x = torch.randn(6, 4, 5)

    def test_it_is_torch_s_module_with_the_same_text_and_parameters(self):
        for (name, extra), options in itertools.product(
                KINDS, ({}, dict(num_layers=2, bidirectional=True, bias=False, batch_first=True, dropout=0.5))):
            made = []
            for where in (torch.nn, luxtorch.nn):
                torch.manual_seed(3)
                made.append(getattr(where, name)(5, 7, **options, **extra))
            theirs, ours = made
            self.assertIsInstance(ours, getattr(torch.nn, name))
            self.assertEqual(repr(ours), repr(theirs))
            self.assertEqual(list(ours.state_dict()), list(theirs.state_dict()))
            self.assertTrue(all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters())))
            ours.flatten_parameters()
            for module in made:
                torch.manual_seed(9)
                module.reset_parameters()
            self.assertTrue(all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters())))

    def test_positional_arguments_are_torch_s(self):
        self.assertEqual(repr(luxtorch.nn.LSTM(5, 7, 2, False, True, 0.1, True, 3)),
                         repr(torch.nn.LSTM(5, 7, 2, False, True, 0.1, True, 3)))
        self.assertEqual(repr(luxtorch.nn.GRU(5, 7, 2, False, True, 0.1, True, dtype=torch.float64)),
                         repr(torch.nn.GRU(5, 7, 2, False, True, 0.1, True, dtype=torch.float64)))
        self.assertEqual(repr(luxtorch.nn.RNN(5, 7, 2, "relu", False, True, 0.1, True)),
                         repr(torch.nn.RNN(5, 7, 2, "relu", False, True, 0.1, True)))

    def test_state_dicts_go_both_ways_and_copies_are_apart(self):
        theirs, ours = pair("LSTM", 5, 7, num_layers=2)
        file = io.BytesIO()
        torch.save(ours.state_dict(), file)
        file.seek(0)
        fresh = torch.nn.LSTM(5, 7, num_layers=2)
        fresh.load_state_dict(torch.load(file))
        self.assertClose(fresh(self.x), theirs(self.x))
        for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
            self.assertIs(type(copied), luxtorch.nn.LSTM)
            self.assertClose(copied(self.x), theirs(self.x))
            self.assertKernels()
            with torch.no_grad():
                copied.weight_hh_l0.zero_()
        self.assertClose(ours(self.x), theirs(self.x))

    def test_wrong_arguments_are_torch_s_errors(self):
        theirs, ours = pair("LSTM", 5, 7, num_layers=2)
        gru, our_gru = pair("GRU", 5, 7, batch_first=True)
        h = torch.zeros(2, 4, 7)
        calls = [
            (theirs, ours, (torch.zeros(6, 4, 3),)),
            (theirs, ours, (torch.zeros(6, 4, 5, dtype=torch.float64),)),
            (theirs, ours, (torch.zeros(6, 4, 5, dtype=torch.int64),)),
            (theirs, ours, (torch.zeros(6, 4, 5, 1),)),
            (theirs, ours, (torch.zeros(5),)),
            (theirs, ours, (self.x, (h, torch.zeros(2, 3, 7)))),
            (theirs, ours, (self.x, (h[:1], h[:1]))),
            (theirs, ours, (self.x, (h[0], h[0]))),
            (theirs, ours, (self.x[:, 0], (h, h))),
            (theirs, ours, (self.x, (h.double(), h.double()))),
            (theirs, ours, (self.x, "h")),
            (theirs, ours, (self.x, h)),
            (theirs, ours, ("x",)),
            (theirs, ours, (torch.zeros(0, 4, 5),)),
            (gru, our_gru, (self.x, (h, h))),
            (gru, our_gru, (self.x, h[:1])),
        ]
        for number, (module, our_module, arguments) in enumerate(calls):
            with self.subTest(call=number):
                found = []
                for called in (module, our_module):
                    with self.assertRaises(Exception) as caught:
                        called(*arguments)
                    found.append((type(caught.exception), str(caught.exception)))
                self.assertEqual(found[1], found[0])
        for arguments in ((5, 0), (5, 7, 0), (5.0, 7), (5, 7, 1, "yes")):
            found = []
            for module in (torch.nn.LSTM, luxtorch.nn.LSTM):
                with self.assertRaises(Exception) as caught:
                    module(*arguments)
                found.append((type(caught.exception), str(caught.exception)))
            self.assertEqual(found[1], found[0])

    def test_torch_runs_what_the_kernels_do_not_take(self):
        cases = [
            (dict(dtype=torch.bfloat16), self.x.bfloat16(), "expected float32 or float64"),
            (dict(dtype=torch.float16), self.x.half(), "expected float32 or float64"),
            (dict(proj_size=3), self.x, "projection"),
            ({}, torch.nn.Buffer(self.x), ""),
            ({}, torch.zeros(6, 0, 5), ""),
        ]
        for options, x, reason in cases:
            with self.subTest(options=options, reason=reason):
                theirs, ours = pair("LSTM", 5, 7, **options)
                try:
                    expected = theirs(x)
                except RuntimeError as error:  # an old processor may have no such product
                    self.skipTest(str(error))
                self.assertClose(ours(x), expected, limit=0 if reason else None)
                if reason:
                    self.assertKernels(False, reason)

    def test_autocast_gives_what_torch_gives(self):
        for name in NAMES:
            theirs, ours = pair(name, 5, 7)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                try:
                    expected = theirs(self.x)
                except RuntimeError as error:  # an old processor may have no such product
                    self.skipTest(str(error))
                self.assertClose(ours(self.x), expected, limit=1e-9)
            self.assertKernels(False, "autocast")

    def test_no_graph_is_recorded_where_none_is_wanted(self):
        _, ours = pair("LSTM", 5, 7)
        with torch.no_grad():
            self.assertFalse(ours(self.x)[0].requires_grad)
        self.assertKernels()
        with torch.inference_mode():
            self.assertTrue(ours(self.x)[0].is_inference())
        self.assertKernels()
        for parameter in ours.parameters():
            parameter.requires_grad_(False)
        self.assertFalse(ours(self.x)[0].requires_grad)
        x = self.x.clone().requires_grad_()
        ours(x)[0].sum().backward()
        self.assertEqual(x.grad.shape, x.shape)

    def test_parameters_that_are_replaced_shared_or_computed_are_seen(self):
        theirs, ours = pair("GRU", 5, 7)
        other = {name: torch.randn_like(p) for name, p in theirs.named_parameters()}
        self.assertClose(*(torch.func.functional_call(module, other, (self.x,)) for module in (ours, theirs)))
        self.assertKernels()
        for module in (theirs, ours):
            module.weight_hh_l0 = torch.nn.Parameter(other["weight_hh_l0"])
            torch.nn.utils.parametrizations.weight_norm(module, "weight_ih_l0")
        self.assertClose(ours(self.x), theirs(self.x))
        self.assertKernels()
        tied, ours_tied = pair("LSTM", 7, 7, num_layers=2)
        gradients = []
        for module in (tied, ours_tied):
            module.weight_ih_l1 = module.weight_ih_l0
            module(torch.ones(6, 4, 7))[0].square().sum().backward()
            gradients.append(module.weight_ih_l0.grad)
        self.assertClose(gradients[1], gradients[0])

    def test_transforms_give_what_torch_gives(self):
        theirs, ours = pair("LSTM", 5, 7, dtype=torch.float64)
        x = self.x.double()
        found = []
        for module in (theirs, ours):
            def loss(parameters):
                return torch.func.functional_call(module, parameters, (x,))[0].square().sum()

            gradients = torch.func.grad(loss)(dict(module.named_parameters()))
            with torch.autograd.forward_ad.dual_level():
                dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
                tangent = torch.autograd.forward_ad.unpack_dual(module(dual)[0]).tangent
            found.append([*gradients.values(), tangent])
        self.assertClose(found[1], found[0])
        self.assertKernels(False, "forward-mode")
        y = ours(x)[0]  # gradients by many things at once
        every = torch.eye(y[-1].numel(), dtype=y.dtype).reshape(-1, *y[-1].shape)
        batched, = torch.autograd.grad(y[-1], [ours.weight_hh_l0], every, is_grads_batched=True)
        one, = torch.autograd.grad(theirs(x)[0][-1], [theirs.weight_hh_l0], every[3])
        self.assertClose(batched[3], one)

    def test_a_variable_of_the_environment_chooses_torch(self):
        _, ours = pair("LSTM", 5, 7)
        with mock.patch.object(luxtorch.nn, "_asked_for_torch", True):
            ours(self.x)
        self.assertKernels(False, "LUXTORCH_PLAIN_RECURRENCE")

    def test_a_trace_holds_torch_s_own_operator(self):
        _, ours = pair("LSTM", 5, 7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(ours, (self.x,))
        self.assertIn("aten::lstm", str(traced.graph))
        self.assertClose(traced(self.x), ours(self.x))

    def test_the_operator_itself_says_what_it_expects(self):
        weights = [torch.zeros(28, 5), torch.zeros(28, 7)]
        run = torch.ops.luxtorch.recurrent
        with self.assertRaisesRegex(NotImplementedError, r"weight_ih of shape \(28, 3\), got \(28, 5\)"):
            run(torch.zeros(6, 4, 3), [], weights, [], None, "LSTM", False, 1, False, False)
        with self.assertRaisesRegex(NotImplementedError, "expected the mode LSTM, GRU, RNN_TANH or RNN_RELU, got lstm"):
            run(self.x, [], weights, [], None, "lstm", False, 1, False, False)
        with self.assertRaisesRegex(NotImplementedError, "expected batch_sizes above 0 and none above the one before it"):
            run(self.x[0], [], weights, [], torch.tensor([1, 3]), "LSTM", False, 1, False, False)
        with self.assertRaisesRegex(NotImplementedError, "expected 4 weights for each of 2 layers"):
            run(self.x, [], weights, [], None, "LSTM", True, 2, False, False)
        y, h, c = run(self.x, [], weights, [], None, "LSTM", False, 1, False, False)
        self.assertEqual([tuple(t.shape) for t in (y, h, c)], [(6, 4, 7), (1, 4, 7), (1, 4, 7)])

    def test_the_program_of_its_page_runs(self):
        import pages  # tests/build is on the path of the test, not of its spawned workers

        program = next(code for language, code in pages.blocks("docs/guides/python.md") if language == "python")
        names = {"x": torch.randn(3, 4, 68)}
        exec(program, names)
        self.assertEqual(tuple(names["y"].shape), (3, 4, 128))
        self.assertKernels()

    def test_states_may_be_a_list_and_a_learnt_parameter(self):
        theirs, ours = pair("LSTM", 5, 7, dtype=torch.float64)
        h = torch.nn.Parameter(torch.randn(1, 4, 7, dtype=torch.float64))
        c = states("GRU", theirs, 4)
        self.assertClose(flat(ours(self.x.double(), [h, c])), flat(theirs(self.x.double(), [h, c])))
        self.assertKernels()


if __name__ == "__main__":
    unittest.main()

"""torch.compile and torch.export of models with luxtorch.nn's modules."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import SOURCE, Case, flat, luxtorch, pair, states

import torch
import torch._dynamo

torch.set_num_threads(1)


class Model(torch.nn.Module):
    def __init__(self, recurrent):
        super().__init__()
        self.recurrent = recurrent
        self.head = torch.nn.Linear(recurrent.hidden_size * (2 if recurrent.bidirectional else 1), 3).to(
            recurrent.weight_hh_l0.dtype)

    def forward(self, x, hx=None):
        y, state = self.recurrent(x, hx)
        return self.head(y).relu(), state


def trained(model, run, x, hx=None):
    """Outputs and gradients of one step."""
    model.zero_grad()
    outputs = flat(run(x, hx))
    sum(t.square().sum() for t in outputs).backward()
    return [t.detach().contiguous() for t in outputs] + [p.grad for p in model.parameters()]


class CompileTest(Case):
    def setUp(self):
        torch._dynamo.reset()
        torch.manual_seed(0)

    def models(self, name, **options):
        theirs, ours = (Model(m) for m in pair(name, 5, 7, **options))
        ours.load_state_dict(theirs.state_dict())
        return theirs, ours

    def whole(self, model, backend, **options):
        """The compiled model, in one graph, and the list into which its graphs' operators go."""
        seen = []

        def recording(graph, inputs):
            seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
            return torch._dynamo.lookup_backend(backend)(graph, inputs)

        return torch.compile(model, backend=recording, fullgraph=True, **options), seen

    def test_one_graph_with_the_kernels_in_it_trains_as_torch(self):
        cases = [("LSTM", {}, True), ("LSTM", dict(num_layers=2, bidirectional=True, batch_first=True), False),
                 ("GRU", dict(batch_first=True, bias=False), True), ("RNN", dict(nonlinearity="relu"), False)]
        for name, options, given_hx in cases:
            with self.subTest(name=name, options=options), torch._dynamo.config.patch(allow_rnn=True):
                torch._dynamo.reset()
                theirs, ours = self.models(name, dtype=torch.float64, **options)
                x = torch.randn(4, 4, 5, dtype=torch.float64)
                hx = states(name, theirs.recurrent, 4) if given_hx else None
                run, seen = self.whole(ours, "aot_eager")
                expected = trained(theirs, theirs, x, hx)
                for _ in range(2):
                    self.assertClose(trained(ours, run, x, hx), expected)
                self.assertTrue(any("luxtorch.recurrent" in target for target in seen), seen)
                with torch.no_grad():
                    self.assertClose([t.contiguous() for t in flat(run(x, hx))],
                                     [t.contiguous() for t in flat(theirs(x, hx))])

    def test_unbatched_input_is_compiled_too(self):
        for name, options in (("LSTM", dict(batch_first=True)), ("GRU", {})):
            torch._dynamo.reset()
            theirs, ours = self.models(name, dtype=torch.float64, **options)
            x = torch.randn(6, 5, dtype=torch.float64)
            h = torch.randn(1, 7, dtype=torch.float64)
            with torch._dynamo.config.patch(allow_rnn=True):
                run, seen = self.whole(ours, "aot_eager")
                for hx in (None, (h, h + 1) if name == "LSTM" else h):
                    self.assertClose(trained(ours, run, x, hx), trained(theirs, theirs, x, hx))
            self.assertTrue(any("luxtorch.recurrent" in target for target in seen), seen)

    def test_other_sizes_and_changed_parameters_are_seen(self):
        theirs, ours = self.models("LSTM", dtype=torch.float64, batch_first=True)
        with torch._dynamo.config.patch(allow_rnn=True):
            run, _ = self.whole(ours, "aot_eager", dynamic=True)
            for batch, time in ((4, 6), (3, 9), (5, 2)):
                x = torch.randn(batch, time, 5, dtype=torch.float64)
                self.assertClose(trained(ours, run, x), trained(theirs, theirs, x))
                with torch.no_grad():
                    for model in (theirs, ours):
                        model.recurrent.weight_hh_l0.mul_(0.5)

    def test_dropout_draws_torch_s_numbers_in_a_graph_of_eager_operators(self):
        theirs, ours = self.models("LSTM", dtype=torch.float64, num_layers=3, dropout=0.4)
        x = torch.randn(6, 4, 5, dtype=torch.float64)
        with torch._dynamo.config.patch(allow_rnn=True):
            run, _ = self.whole(ours, "eager")
            torch.manual_seed(5)
            expected = trained(theirs, theirs, x)
            torch.manual_seed(5)
            self.assertClose(trained(ours, run, x), expected)

    def test_inductor_keeps_the_kernels(self):
        theirs, ours = self.models("LSTM", batch_first=True, num_layers=2)
        x = torch.randn(4, 6, 5)
        with tempfile.TemporaryDirectory() as cache, torch._dynamo.config.patch(allow_rnn=True):
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
            try:
                run, _ = self.whole(ours, "inductor")
                found = trained(ours, run, x)
            except torch._dynamo.exc.BackendCompilerFailed as error:
                self.skipTest(f"inductor cannot compile here: {error}".splitlines()[0])
            finally:
                del os.environ["TORCHINDUCTOR_CACHE_DIR"]
            self.assertClose(found, trained(theirs, theirs, x))
            self.assertClose(trained(ours, run, x), trained(theirs, theirs, x))

    def test_without_that_setting_the_graph_breaks_and_the_kernels_run_between(self):
        theirs, ours = self.models("GRU", dtype=torch.float64)
        x = torch.randn(6, 4, 5, dtype=torch.float64)
        self.assertClose(trained(ours, torch.compile(ours, backend="aot_eager"), x), trained(theirs, theirs, x))
        self.assertKernels()
        torch._dynamo.reset()
        with self.assertRaisesRegex(torch._dynamo.exc.Unsupported, "allow_rnn"):
            torch.compile(ours, backend="eager", fullgraph=True)(x)

    def test_what_the_kernels_do_not_take_is_compiled_as_torch_s(self):
        theirs, ours = self.models("LSTM", dtype=torch.bfloat16)
        x = torch.randn(3, 2, 5, dtype=torch.bfloat16)
        with torch._dynamo.config.patch(allow_rnn=True), torch.no_grad():
            run, seen = self.whole(ours, "eager")
            self.assertClose(flat(run(x)), flat(theirs(x)), limit=0)
        self.assertFalse(any("luxtorch" in target for target in seen), seen)

    def test_what_the_operator_refuses_is_compiled_as_torch_s(self):
        """Each refusal of the kernels that torch's own forward computes."""
        x = torch.randn(3, 2, 5)

        class Halves(torch.Tensor):
            pass

        class Own(luxtorch.nn.GRU):
            def check_input(self, input, batch_sizes):
                super().check_input(input, batch_sizes)

        cases = {"a subclass as a weight": (luxtorch.nn.GRU(5, 7), lambda m: m(x)),
                 "a list as hx": (luxtorch.nn.LSTM(5, 7), lambda m: m(x, [torch.ones(1, 2, 7), torch.ones(1, 2, 7)])),
                 "checks of its own": (Own(5, 7), lambda m: m(x)),
                 "grad": (luxtorch.nn.GRU(5, 7), lambda m: torch.func.grad(lambda t: m(t)[0].sum())(x))}
        cases["a subclass as a weight"][0].weight_hh_l0 = torch.nn.Parameter(
            torch.randn(21, 7).as_subclass(Halves), requires_grad=False)
        for name, (module, call) in cases.items():
            with self.subTest(case=name), torch._dynamo.config.patch(allow_rnn=True):
                torch._dynamo.reset()
                expected = call(luxtorch.nn.to_torch(module))
                luxtorch.nn.from_torch(module)
                found = torch.compile(lambda module=module, call=call: call(module), backend="aot_eager")()
                for a, b in zip(flat(found), flat(expected), strict=True):
                    torch.testing.assert_close(a.as_subclass(torch.Tensor), b.as_subclass(torch.Tensor))

    def test_where_the_graph_breaks_a_refusal_is_torch_s_forward(self):
        _, ours = self.models("GRU")
        packed = torch.nn.utils.rnn.pack_sequence([torch.randn(4000, 5), *(torch.randn(1, 5) for _ in range(99))])
        expected = ours.recurrent(packed)[0].data
        self.assertKernels(False, "would be padded")
        found = torch.compile(ours.recurrent, backend="aot_eager")(packed)[0].data
        self.assertClose(found, expected)

    def test_misuse_in_a_graph_is_torch_s_error(self):
        lstm, gru = luxtorch.nn.LSTM(5, 7), luxtorch.nn.GRU(5, 7, batch_first=True)
        x, h = torch.randn(3, 2, 5), torch.zeros(1, 2, 7)
        calls = [(lstm, (x.double(),)), (lstm, (x, (h.double(), h.double()))), (lstm, (x[:0],)), (lstm, (x, h)),
                 (lstm, (x, (h[:, :1], h))), (gru, (x, (h, h))), (gru, (x[:, :0],))]
        for number, (module, arguments) in enumerate(calls):
            with self.subTest(call=number), torch._dynamo.config.patch(allow_rnn=True):
                torch._dynamo.reset()
                with self.assertRaises(Exception) as caught:
                    torch.compile(module, backend="aot_eager")(*arguments)
                self.assertNotIn("luxtorch.recurrent]", str(caught.exception))
                self.assertNotIsInstance(caught.exception, NotImplementedError)

    def test_an_empty_batch_has_empty_outputs_and_gradients_of_zero(self):
        for name, options in (("LSTM", dict(num_layers=2)), ("GRU", dict(batch_first=True)), ("RNN", dict(bidirectional=True)),
                              ("LSTM", dict(batch_first=True, bidirectional=True, num_layers=2, dropout=0.5))):
            theirs, ours = self.models(name, dtype=torch.float64, **options)
            shape = (0, 6, 5) if options.get("batch_first") else (6, 0, 5)
            x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
            expected = trained(theirs, theirs, x)
            with self.subTest(name=name), torch._dynamo.config.patch(allow_rnn=True):
                self.assertClose(trained(ours, ours, x), expected)
                self.assertKernels()
                torch._dynamo.reset()
                run, seen = self.whole(ours, "aot_eager")
                self.assertClose(trained(ours, run, x), expected)
                self.assertTrue(any("luxtorch.recurrent" in target for target in seen), seen)
                with torch.no_grad():
                    self.assertClose([t.contiguous() for t in flat(run(x))], [t.contiguous() for t in flat(theirs(x))])
            gradient, = torch.autograd.grad(ours(x)[0].sum(), x)
            self.assertEqual(gradient.shape, x.shape)

    def test_inductor_needs_no_fallback_of_its_own_making(self):
        program = ("import torch, luxtorch, sys\n"
                   "assert 'torch._inductor.lowering' not in sys.modules\n"
                   "import torch._inductor.lowering as lowering\n"
                   "for name in ('recurrent', 'recurrent_forward', 'recurrent_backward'):\n"
                   "    assert getattr(torch.ops.luxtorch, name).default in lowering.fallbacks, name\n")
        for first in ("", "import torch._inductor.lowering\n"):
            text = first + (program if not first else program.replace("assert 'torch", "assert not 'torch"))
            run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True,
                                 env={**os.environ, "PYTHONPATH": str(SOURCE / "tools/python")})
            self.assertEqual(run.returncode, 0, run.stderr)

    def test_the_operator_keeps_torch_s_rules_for_operators(self):
        theirs, _ = pair("LSTM", 3, 2, num_layers=2, batch_first=True, dtype=torch.float64)
        weights = [p.detach().clone().requires_grad_() for p in theirs.parameters()]
        x = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
        arguments = (x, [], weights, [], None, "LSTM", True, 2, False, True)
        torch.library.opcheck(torch.ops.luxtorch.recurrent.default, arguments,
                              test_utils=("test_schema", "test_autograd_registration", "test_faketensor",
                                          "test_aot_dispatch_dynamic"))


if __name__ == "__main__":
    unittest.main()

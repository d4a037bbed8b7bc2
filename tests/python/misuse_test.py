"""What must not be computed, or not so, by the kernels: refused with torch's words, or left to torch."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from luxtorch_for_tests import Case, luxtorch, pair

import torch
import torch._dynamo.compiled_autograd

OPERATORS = torch.ops.luxtorch


def arguments(module, x, hx=()):
    return (x, list(hx), list(module._flat_weights), [], None, module.mode, module.bias, module.num_layers,
            module.bidirectional, module.batch_first)


class MisuseTest(Case):
    def assertSays(self, ours, theirs, call):
        texts = []
        for module in (theirs, ours):
            with self.assertRaises((RuntimeError, ValueError)) as caught:
                call(module)
            texts.append(str(caught.exception))
        self.assertEqual(texts[0], texts[1])

    def test_tensors_without_memory_are_never_read(self):
        theirs, ours = (kind(5, 7, device="meta") for kind in (torch.nn.LSTM, luxtorch.nn.LSTM))
        self.assertSays(ours, theirs, lambda m: m(torch.randn(6, 4, 5)))
        self.assertSays(ours, theirs, lambda m: m(torch.empty(6, 4, 9, device="meta")))
        self.assertEqual(ours(torch.empty(6, 4, 5, device="meta"))[0].shape, (6, 4, 7))
        theirs, ours = pair("GRU", 5, 7)
        self.assertSays(ours, theirs, lambda m: m(torch.randn(6, 4, 5), torch.empty(1, 4, 7, device="meta")))

    def test_backward_of_something_else_is_refused_or_computed_anew(self):
        _, one = pair("LSTM", 5, 7)
        _, deep = pair("RNN", 5, 7, num_layers=3)
        x, other = torch.randn(6, 4, 5), torch.randn(6, 4, 5)
        with torch.no_grad():
            y, _, _, kept = OPERATORS.recurrent_forward(*arguments(one, x))
            by = torch.randn_like(y)
            right = OPERATORS.recurrent_backward(by, None, None, kept, *arguments(one, x), [1] * 5)
            foreign = [OPERATORS.recurrent_forward(*arguments(one, other))[3],
                       OPERATORS.recurrent_forward(*arguments(deep, x))[3],
                       OPERATORS.recurrent_forward(*arguments(one, x[:2]))[3], torch.zeros(1, dtype=torch.int64)]
            for memory in foreign:
                found = OPERATORS.recurrent_backward(by, None, None, memory, *arguments(one, x), [1] * 5)
                for a, b in zip(found, right, strict=True):
                    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
            for by_y, by_h, needed in ((torch.randn(1, 1, 7), None, [1] * 5), (by.double(), None, [1] * 5),
                                       (None, torch.randn(1), [1] * 5), (by, None, []), (by, None, [1] * 500)):
                with self.assertRaisesRegex(NotImplementedError, r"\[luxtorch.recurrent\] expected"):
                    OPERATORS.recurrent_backward(by_y, by_h, None, kept, *arguments(one, x), needed)

    def test_too_few_tensors_are_refused(self):
        for device in ("cpu", "meta"):
            x = torch.randn(6, 4, 5, device=device)
            for layers in (1, 2**62, -1):
                with self.assertRaisesRegex(NotImplementedError, "expected [24] weights"):
                    OPERATORS.recurrent(x, [], [], [], None, "LSTM", True, layers, False, False)
            with self.assertRaises(NotImplementedError):
                OPERATORS.recurrent_backward(None, None, None, x, x, [], [x, x], [], None, "LSTM", False, 1, False, False, [])

    def test_forward_mode_derivatives_are_torchs_or_refused(self):
        theirs, ours = pair("LSTM", 5, 7, dtype=torch.float64)
        x, direction = torch.randn(2, 6, 4, 5, dtype=torch.float64)
        for module in (theirs, ours):
            module.requires_grad_(False)
        expected, found = (torch.func.jvp(lambda t: m(t)[0], (x,), (direction,))[1] for m in (theirs, ours))
        torch.testing.assert_close(found, expected)
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, direction)
            with self.assertRaisesRegex(NotImplementedError, "forward-mode"):
                OPERATORS.recurrent(*arguments(ours, dual))

    def test_what_is_put_into_flat_weights_is_what_runs(self):
        theirs, ours = pair("LSTM", 5, 7)
        x = torch.randn(6, 4, 5)
        for module in (theirs, ours):
            module._flat_weights = [w.detach() * 0.5 for w in module._flat_weights]
        torch.testing.assert_close(ours(x)[0], theirs(x)[0])
        self.assertTrue(luxtorch.nn.last_path().kernels)

    def test_one_long_sequence_among_many_short_ones_is_left_to_torch(self):
        theirs, ours = pair("LSTM", 5, 64)
        packed = torch.nn.utils.rnn.pack_sequence([torch.randn(1000, 5), *(torch.randn(2, 5) for _ in range(99))])
        torch.testing.assert_close(ours(packed)[0].data, theirs(packed)[0].data)
        self.assertRegex(luxtorch.nn.last_path().reason, "1198 packed rows would be padded to 100000")

    def test_a_refusal_draws_no_random_numbers(self):
        theirs, ours = pair("LSTM", 5, 7, num_layers=2, dropout=0.5)
        before = torch.get_rng_state()
        self.assertSays(ours, theirs, lambda m: m(torch.ones(6, 4, 5, dtype=torch.int64)))
        self.assertTrue(torch.equal(before, torch.get_rng_state()))
        self.assertRegex(luxtorch.nn.last_path().reason, "torch.int64 on cpu")

    def test_somebody_elses_not_implemented_error_passes(self):
        _, ours = pair("LSTM", 5, 7)

        def pack(_):
            raise NotImplementedError("my hook cannot pack")

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            with self.assertRaisesRegex(NotImplementedError, "my hook cannot pack"):
                ours(torch.randn(6, 4, 5))

    def test_compiled_autograd_computes_the_same_gradients(self):
        theirs, ours = pair("LSTM", 5, 7)
        x = torch.randn(6, 4, 5)
        theirs(x)[0].sum().backward()
        loss = ours(x)[0].sum()
        with torch._dynamo.compiled_autograd._enable(lambda graph: graph):
            loss.backward()
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad)


if __name__ == "__main__":
    unittest.main()

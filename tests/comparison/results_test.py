"""The comparison's measures: what counts as a difference, what is said of one, and of a case that ends the program."""

import importlib.util
import math
import os
import sys
import tempfile
import textwrap
import types
import unittest
from pathlib import Path

TOOLS = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools"
sys.path[:0] = [str(TOOLS / "comparison"), str(TOOLS / "bench")]

HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    import torch

    import cells
    import results
    import values


def found(**losses):
    first = {"steps": 20, "difference": 0.0, "tolerance": 1e-10, **losses.get("first", {})}
    all_ = {"steps": 200, "difference": 0.0, "tolerance": 1e-8, **losses.get("all", {})}
    return {"outputs": {"y": 0.0}, "gradients": {"x": 0.0, "weight": 0.0}, "tolerance": 1e-10,
            "losses": {"first": first, "all": all_}}


@unittest.skipUnless(HAS_TORCH, "this Python has no PyTorch")
class ResultsTest(unittest.TestCase):
    def test_a_difference_is_the_largest_one_by_the_largest_value(self):
        a, b = torch.tensor([1.0, 2.0, -4.0]), torch.tensor([1.0, 2.5, -5.0])
        self.assertEqual(results.difference(a, b), 0.2)
        self.assertEqual(results.difference(b, b), 0)
        self.assertEqual(results.difference(torch.zeros(2), torch.zeros(2)), 0)

    def test_what_cannot_be_compared_differs_infinitely(self):
        b = torch.tensor([1.0, 2.0])
        for a in (None, torch.tensor([1.0]), torch.tensor([[1.0, 2.0]]), torch.tensor([1.0, math.nan])):
            self.assertEqual(results.difference(a, b), math.inf)
        self.assertEqual(results.difference(torch.ones(2), torch.zeros(2)), math.inf)

    def test_a_missing_gradient_differs_infinitely(self):
        theirs = {"output": torch.ones(1), "loss": torch.ones(()), "states": {}, "inputs": [torch.ones(2)],
                  "gradients": {"weight": torch.ones(2)}}
        ours = {**theirs, "gradients": {}, "inputs": []}
        self.assertEqual(results.differences(ours, theirs)[1], {"x": math.inf, "weight": math.inf})
        self.assertEqual(results.differences(theirs, theirs)[1], {"x": 0, "weight": 0})

    def test_a_curve_leaves_another_at_the_first_step_beyond_the_limit(self):
        theirs = [2.0, 1.0, 0.5]
        self.assertEqual(results.apart([2.0, 1.0 + 1e-6, 0.5], theirs), [0, (1.0 + 1e-6 - 1.0) / 2, 0])
        self.assertEqual(results.leaves([0, 9e-9, 2e-8, 3e-8], "float64"), 3)
        self.assertIsNone(results.leaves([0, 9e-9], "float64"))
        self.assertIsNone(results.leaves([0, 2e-8], "float32"))
        self.assertEqual(results.leaves([0, math.inf], "float32"), 2)
        self.assertEqual(results.apart([math.nan], [1.0]), [math.inf])

    def test_what_differs_first_is_said_first(self):
        wrong = found(first={"difference": 2e-10}, all={"difference": 1e-9})
        wrong["gradients"]["weight"] = 3e-10
        wrong["outputs"]["y"] = math.inf
        said = list(values.sentences("float64", wrong, [1.0, 0.5 + 1e-11, 0.2 + 2e-10], [1.0, 0.5, 0.2]))
        self.assertEqual(len(said), 3)
        self.assertRegex(said[0], "output y differs by inf, at most 1e-10")
        self.assertRegex(said[1], "gradient of weight differs by 3e-10")
        self.assertRegex(said[2], "loss of step 3 differs by 2e-10")
        self.assertEqual(list(values.sentences("float64", found(), [1.0], [1.0])), [])

    def test_a_loss_that_is_not_a_number_is_said_where_nothing_else_is_expected(self):
        own = found(first={"tolerance": None}, all={"tolerance": None})
        said = list(values.sentences("float32", own, [1.0, math.nan, math.nan], [1.0, 0.5, 0.25]))
        self.assertEqual(said, ["luxtorch, float32: the loss of step 2 is nan, PyTorch's is 0.5"])
        self.assertEqual(list(values.sentences("float32", own, [1.0, math.nan], [1.0, math.nan])), [])

    def test_the_first_losses_are_compared_by_the_largest_of_them(self):
        entry = types.SimpleNamespace(all_steps=None)
        theirs = [1.0] * 20 + [1e8] * 10
        compared = values.compare_losses([1.0 + 1e-6] * 20 + [1e8] * 10, theirs, entry, "float64", None)
        self.assertAlmostEqual(compared["first"]["difference"], 1e-6, 9)
        self.assertLess(compared["all"]["difference"], 1e-13)

    def test_other_dtypes_and_imaginary_parts_differ(self):
        self.assertEqual(results.difference(torch.ones(2, dtype=torch.float64), torch.ones(2)), math.inf)
        self.assertGreater(results.difference(torch.tensor([1 + 2j]), torch.tensor([1 + 5j])), 0.5)

    def test_a_gradient_of_roundings_is_measured_by_the_largest_of_all(self):
        def with_bias(size, weight=1.0):
            gradients = {"weight": torch.full((2,), weight, dtype=torch.float64),
                         "bias": torch.tensor([1.0, -1.0], dtype=torch.float64) * size}
            return {"output": torch.ones(1), "loss": torch.ones(()), "states": {}, "inputs": [], "gradients": gradients}

        self.assertLess(results.differences(with_bias(3e-16), with_bias(-2e-16))[1]["bias"], 1e-15)
        self.assertGreater(results.differences(with_bias(3e-13), with_bias(-2e-13))[1]["bias"], 1)
        self.assertGreater(results.differences(with_bias(1e-3), with_bias(-2e-16))[1]["bias"], 1e-4)

    def test_a_loop_over_cells_computes_what_the_layer_does(self):
        x = torch.randn(3, 5, 4, dtype=torch.float64)
        for kind in ("LSTM", "GRU", "RNN"):
            torch.manual_seed(1)
            layer = getattr(torch.nn, kind)(4, 6, num_layers=2, batch_first=True).double()
            loop = getattr(cells, kind)(4, 6, num_layers=2, batch_first=True).double()
            loop.load_state_dict(layer.state_dict())
            self.assertLess(results.difference(loop(x)[0], layer(x)[0]), 1e-14, kind)
        with self.assertRaises(NotImplementedError):
            cells.LSTM(4, 6, bidirectional=True, batch_first=True)(x.float())

    def test_the_files_tensors_are_flat_by_their_names(self):
        nested = {"a": {"weight": 1, "deeper": {"bias": 2}}, "b": 3}
        self.assertEqual(results.flat(nested), {"a.weight": 1, "a.deeper.bias": 2, "b": 3})


# Answers as `comparison results` does, with what lies in the folder.
PROGRAM = f"""
    #!{sys.executable}
    import os, signal, sys
    from pathlib import Path
    print('{{"ready": "made up"}}', flush=True)
    for line in sys.stdin:
        steps, problem = line.rstrip().split(" ", 1)
        if "refused" in problem:
            sys.exit("expected another problem")
        if "crash" in problem:
            os.kill(os.getpid(), signal.SIGSEGV)
        print(f'{{{{"results": "{{Path(problem).with_name(steps)}}"}}}}', flush=True)
    sys.exit(3)
"""


@unittest.skipUnless(HAS_TORCH, "this Python has no PyTorch")
class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        program = self.folder / "program"
        program.write_text(textwrap.dedent(PROGRAM).lstrip())
        program.chmod(0o755)
        self.luxtorch = values.Luxtorch(program, 1)
        self.addCleanup(self.luxtorch.close)
        for steps in (1, 2):
            torch.save({"output": torch.ones(1), "loss": torch.ones(()), "gradients": {"x": None, "ps": {}},
                        "states": {}, "losses": torch.ones(steps)}, self.folder / str(steps))

    def process(self, name, steps):
        self.assertEqual(self.luxtorch.results(self.folder / name, steps)["losses"], [1.0] * steps)
        return self.luxtorch.process.process.pid

    def test_a_case_that_ends_the_program_is_the_only_one_that_fails(self):
        first = self.process("a problem", 2)
        self.assertEqual(self.process("another", 1), first)
        with self.assertRaisesRegex(values.Wrong, "^luxtorch ended with status -11$"):
            self.process("crash", 2)
        second = self.process("after it", 2)
        self.assertNotEqual(second, first)
        with self.assertRaisesRegex(values.Wrong, "^luxtorch ended with status 1\nexpected another problem$"):
            self.process("refused", 2)
        self.assertNotIn(self.process("after that", 1), (first, second))

    def test_how_the_program_ends_after_its_last_answer_is_kept(self):
        self.process("a problem", 2)
        self.luxtorch.close()
        self.assertEqual(self.luxtorch.status, 3)


if __name__ == "__main__":
    unittest.main()

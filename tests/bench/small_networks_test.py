"""tools/bench/small_networks: with made-up competitors, and that luxtorch and PyTorch compute the same losses."""

import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
sys.path[:0] = [str(BENCH), str(BENCH / "small_networks")]
HAS_TORCH = importlib.util.find_spec("torch")

import small_networks  # noqa: E402

MADE_UP = f"""
    import sys

    sys.path.insert(0, {str(BENCH)!r})
    import turns

    if len(sys.argv) > 2:
        turns.skip(sys.argv[2])

    def open_problem(path, what):
        return lambda: (lambda: None, lambda: float(sys.argv[1]))

    turns.take("made up", open_problem, threads=1)
"""


@unittest.skipUnless(HAS_TORCH, "this Python has no PyTorch")
class DriverTest(unittest.TestCase):
    def run_with(self, **losses):
        """What the driver does when competitors have these losses, or a reason why they cannot run."""
        with tempfile.TemporaryDirectory() as folder:
            program, file = Path(folder) / "made_up.py", Path(folder) / "found.json"
            program.write_text(textwrap.dedent(MADE_UP))
            commands = {name: [sys.executable, program, *(["0", loss] if isinstance(loss, str) else [loss])]
                        for name, loss in losses.items()}
            out, err = io.StringIO(), io.StringIO()
            with mock.patch.object(small_networks, "commands", lambda _: commands), redirect_stdout(out), redirect_stderr(err), \
                 mock.patch.dict(small_networks.case.ENTRIES, clear=True):  # cases are loaded once a process
                status = small_networks.main(["--programs", folder, "--threads", "1", "--rounds", "1", "--case",
                                              "small/24-24-24-2", "--json", str(file)])
            return status, out.getvalue(), err.getvalue(), json.loads(file.read_text()) if file.exists() else None

    def test_the_json_has_the_times_of_all_and_one_that_cannot_run_is_named(self):
        status, out, err, found = self.run_with(**{small_networks.OURS: 0.5, "PyTorch, Adam fused": 0.5,
                                                   small_networks.JAX: "there is no JAX"})
        self.assertEqual(status, 0, err)
        self.assertIn("skipped: JAX, jit: there is no JAX\n", out)
        (one,) = found["cases"]
        self.assertEqual(set(one["rows"]), {"luxtorch", "PyTorch, Adam fused"})
        for row in one["rows"].values():
            self.assertGreaterEqual(row["median"], row["minimum"])
        self.assertEqual(one["rows"]["luxtorch"]["ratio"], 1)
        self.assertEqual(set(one["against"]), {"PyTorch", "JAX"})
        self.assertEqual(one["against"]["PyTorch"], one["rows"]["PyTorch, Adam fused"]["ratio_of_minimums"])
        self.assertIsNone(one["against"]["JAX"])
        self.assertRegex(out, r"small/24-24-24-2 +1 +\d+\.\d\d +-\n")

    def test_nothing_is_measured_when_one_computes_something_else(self):
        status, out, err, found = self.run_with(**{small_networks.OURS: 0.5, "PyTorch, Adam fused": 0.5, "JAX, jit": 0.6})
        self.assertEqual((status, found), (1, None))
        self.assertIn("JAX, jit: the first value is 0.6, the others' is 0.5", err)
        self.assertNotIn("minimum", out)

    def test_nothing_is_compared_with_a_luxtorch_that_is_not_there(self):
        status, _, err, _ = self.run_with(**{small_networks.OURS: "it is not built", "PyTorch, Adam fused": 0.5})
        self.assertEqual(status, 1)
        self.assertIn("luxtorch cannot run, and the others would be compared with it", err)


class AgainstTest(unittest.TestCase):
    def test_pytorchs_faster_way_counts(self):
        rows = {name: mock.Mock(ratio_of_minimums=ratio) for name, ratio in
                (("luxtorch", 1), ("PyTorch, Adam fused", 3), ("PyTorch, Adam foreach", 2), ("JAX, jit", 1.5))}
        self.assertEqual(small_networks.against(rows), {"PyTorch": 2, "JAX": 1.5})


@unittest.skipUnless(HAS_TORCH, "this Python has no PyTorch")
@unittest.skipUnless((BUILD / "bin/comparison").exists(), "the comparison is not built (LUXTORCH_BENCH)")
class CompetitorsTest(unittest.TestCase):
    def test_luxtorch_and_pytorch_compute_the_same_losses(self):
        run = subprocess.run(
            [BUILD / "bin/small_networks", "--threads", "1", "--rounds", "1", "--case", "small/2-32-32-32-2"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, "LUXTORCH_PYTHON": sys.executable})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertRegex(run.stdout, r"after 20 updates: .*luxtorch 0\.\d+")
        self.assertRegex(run.stdout, r"PyTorch, Adam foreach 0\.\d+")


if __name__ == "__main__":
    unittest.main()

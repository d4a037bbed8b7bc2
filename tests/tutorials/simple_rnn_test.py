"""The spiral tutorial as a person runs it: what it prints, what it reaches, what it writes, what it refuses."""

import concurrent.futures
import os
import pty
import re
import subprocess
import sys
import unittest
from pathlib import Path

from program import ProgramTest

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/simple_rnn"
EPOCH = re.compile(r"^Epoch \[ *(\d+)\]: Loss (\d+\.\d{5})$")
VALIDATION = re.compile(r"^Validation:\tLoss (\d+\.\d{5})\tAccuracy ([01]\.\d{5})$")


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class SimpleRnnTest(ProgramTest):
    program = PROGRAM

    def lines(self, text, form):
        return [m for m in map(form.match, text.splitlines()) if m]

    def test_it_prints_what_the_reference_prints_and_both_models_print_the_same_numbers(self):
        out = self.run_it("--epochs", "3", "--seed", "4").stdout
        struct, compact = out.split("The model as a lambda")
        for part in (struct, compact):
            self.assertEqual([int(m[1]) for m in self.lines(part, EPOCH)], [1, 2, 3])
            self.assertEqual(len(self.lines(part, VALIDATION)), 3)
            self.assertRegex(part, r"lstm_cell = LSTMCell\(2 => 8\), +# 384 parameters, plus 1 non-trainable")
            self.assertRegex(part, r"total +393 +1 +1_572")
        numbers = [[m[0] for f in (EPOCH, VALIDATION) for m in self.lines(part, f)] for part in (struct, compact)]
        self.assertEqual(numbers[0], numbers[1])
        self.assertNotIn("\r", out)
        self.assertIn("the predictions are equal bit for bit", out)

    def test_fit_prints_the_numbers_of_the_loop(self):
        def printed(loop):
            out = self.run_it("--epochs", "3", "--model", "struct", "--loop", loop).stdout
            return [m[0] for f in (EPOCH, VALIDATION) for m in self.lines(out, f)]

        by_step = printed("step")
        self.assertEqual(len(by_step), 6)
        self.assertEqual(printed("fit"), by_step)

    def test_every_seed_cell_and_arm_learns(self):
        def final(cell, seed, mirrored):
            folder = self.folder / f"{cell}{seed}{mirrored}"
            folder.mkdir()
            arguments = ["--cell", cell, "--seed", str(seed), "--model", "struct", "--threads", "1", "--out", folder / "m.jld2"]
            out = self.run_it(*arguments, *(["--mirrored"] if mirrored else []), OMP_NUM_THREADS="1").stdout
            loss, accuracy = self.lines(out, VALIDATION)[-1].groups()
            return cell, seed, mirrored, float(loss), float(accuracy)

        cases = [(c, s, m) for c in ("lstm", "gru", "rnn") for s in range(10) for m in (False, True)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda case: final(*case), cases))
        self.assertEqual([r for r in results if r[4] != 1.0], [])
        self.assertEqual([r for r in results if r[3] >= 0.02], [])

    def test_the_manual_loop_prints_a_line_for_every_batch_partial_ones_too(self):
        out = self.run_it("--loop", "manual", "--epochs", "2", "--model", "struct").stdout
        self.assertEqual(len(re.findall(r"^Epoch \[1\]: Loss 0\.\d+$", out, re.MULTILINE)), 7)
        self.assertEqual(len(re.findall(r"^Validation: Loss 0\.\d+ Accuracy [01](\.\d+)?$", out, re.MULTILINE)), 4)

    def test_the_file_is_one_that_jld2_reads(self):
        for options in ([], ["--compress"], ["--cell", "gru"]):
            self.run_it("--epochs", "1", "--model", "compact", *options)
            for compat in ("mid", "new"):
                checked = subprocess.run([sys.executable, SOURCE / "tools/verify_jld2.py", self.folder / "trained_model.jld2",
                                          "--compat", compat], text=True, capture_output=True)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
                self.assertIn("ps_trained", checked.stdout)
                self.assertIn("weight_ih", checked.stdout)

    def test_pictures_come_with_their_numbers(self):
        out = self.run_it("--epochs", "2", "--plots", "pictures").stdout
        self.assertEqual((self.folder / "pictures/curves.csv").read_text().count("\n"), 3)
        self.assertIn("probability", (self.folder / "pictures/spirals.csv").read_text())
        if "For pictures install gnuplot" in out:
            self.skipTest("gnuplot is not installed (gnuplot-nox)")
        for name in ("curves.png", "spirals.png"):
            self.assertEqual((self.folder / "pictures" / name).read_bytes()[:4], b"\x89PNG")

    def test_without_gnuplot_it_says_how_to_get_it(self):
        out = self.run_it("--epochs", "1", "--model", "struct", "--plots", "pictures", PATH=str(self.folder)).stdout
        self.assertIn("apt-get install gnuplot-nox", out)
        self.assertTrue((self.folder / "pictures/spirals.csv").exists())

    def test_a_terminal_gets_a_progress_bar(self):
        leader, follower = pty.openpty()
        child = subprocess.Popen([PROGRAM, "--epochs", "3", "--model", "struct"], cwd=self.folder, stdout=follower)
        os.close(follower)
        seen = b""
        while True:
            try:
                block = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            seen += block
        os.close(leader)
        self.assertEqual(child.wait(), 0)
        self.assertRegex(seen.decode(), r"\r\[=+>? *\] \d/3 epochs, ")

    def test_what_it_cannot_write_is_said_before_the_training(self):
        for out in (self.folder / "no/such/folder/m.jld2", self.folder):
            result = self.run_it("--out", out, ok=False)
            self.assertEqual(result.returncode, 1)
            self.assertIn(str(out), result.stderr)
            self.assertNotIn("Epoch", result.stdout)
        (self.folder / "file").write_text("")
        result = self.run_it("--plots", self.folder / "file", ok=False)
        self.assertEqual(result.returncode, 1)
        self.assertNotIn("Epoch", result.stdout)

    def test_unknown_values_are_refused_by_name(self):
        for arguments in (["--batch-size", "0"], ["--cell", "elman"], ["--epochs", "-1"], ["--learning-rate", "inf"],
                          ["--loop", "own"], ["--hidden", "0"], ["--sed", "1"]):
            result = self.run_it(*arguments, ok=False)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(arguments[0], result.stderr)
        result = self.run_it("--device", "abacus", ok=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn('expected cpu, gpu, cuda or cuda:N, got "abacus"', result.stderr)

    def test_a_loss_that_is_not_a_number_names_the_step(self):
        for loop in ("step", "fit", "manual"):
            result = self.run_it("--learning-rate", "1e38", "--loop", loop, ok=False)
            self.assertEqual(result.returncode, 1, result.stdout)
            self.assertRegex(result.stderr, r"at step \d+: expected a finite loss")


if __name__ == "__main__":
    unittest.main()

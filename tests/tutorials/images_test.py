"""The tutorial of images as a person runs it: what it prints, what it reaches, its weights in PyTorch, its picture, what it refuses."""

import csv
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from program import ProgramTest

try:
    import numpy
    import torch
except ImportError:
    numpy = torch = None

SOURCE = Path(os.environ["LUXTORCH_SOURCE_DIR"])
PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/images"
EPOCH = re.compile(r"^Epoch \[ *(\d+)\]: Loss (\d+\.\d{4})   Held out: Loss (\d+\.\d{4}), Accuracy (\d+\.\d)%$", re.MULTILINE)
SMALL = ["--images", "200", "--epochs", "1"]


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class ImagesTest(ProgramTest):
    program = PROGRAM

    def epochs(self, out):
        """(epoch, loss, loss held out, accuracy held out in percent) of each line."""
        return [(int(m[1]), *(float(number) for number in m.groups()[1:])) for m in EPOCH.finditer(out)]

    def confusion(self, out):
        """The matrix that is printed, by rows."""
        lines = out.split("Answers (columns) to images of each class (rows)\n")[1].split("\n\n")[0].splitlines()[1:]
        return [[int(number) for number in re.findall(r" (\d+)(?= |$)", line)] for line in lines]

    def test_lenet_learns_figures_in_seconds_and_the_matrix_belongs_to_the_accuracy(self):
        out = self.run_it("--images", "1500", "--epochs", "6", "--noise", "0.05").stdout
        rows = self.epochs(out)
        self.assertEqual([row[0] for row in rows], list(range(1, 7)))
        self.assertLess(rows[-1][1], 0.8 * rows[0][1])
        self.assertGreater(rows[-1][3], 50, out)
        matrix = self.confusion(out)
        self.assertEqual(sum(map(sum, matrix)), 1000)
        self.assertAlmostEqual(100 * sum(matrix[k][k] for k in range(5)) / 1000, rows[-1][3], places=1)

    def test_the_summary_counts_parameters_and_operations(self):
        # LeNet: a multiply-add of each weight for each pixel of the output.
        lenet = 2 * (28**2 * 25 * 6 + 10**2 * 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 5)
        for model, parameters, flops in (("lenet", "61_281", f"{lenet:_}"), ("resnet20", "269_109", None), ("convmixer", None, None)):
            out = self.run_it("--model", model, "--images", "4", "--epochs", "0").stdout
            total = re.search(r"^total +(\S+) +\S+ +\S+ +(\S+)$", out, re.MULTILINE)
            self.assertEqual(total[1], parameters or total[1], model)
            self.assertEqual(total[2], flops or total[2], model)

    def test_two_runs_of_a_seed_print_the_same(self):
        first, again, other = (self.run_it(*SMALL, "--seed", seed).stdout for seed in "001")
        self.assertEqual(first, again)
        self.assertNotEqual(self.epochs(first), self.epochs(other))
        self.assertNotEqual(self.epochs(first), self.epochs(self.run_it(*SMALL, "--no-augment").stdout))

    def test_weights_come_back_and_a_training_goes_on_from_them(self):
        out = self.run_it(*SMALL).stdout
        self.assertIn("Saved to images.pt and loaded again: the logits of 1000 images are equal bit for bit.", out)
        again = self.run_it("--epochs", "0", "--images", "1", "--load", "images.pt", "--out", "other.pt").stdout
        self.assertEqual(self.epochs(again), [])
        self.assertEqual(self.confusion(again), self.confusion(out))
        wrong = self.run_it("--model", "convmixer", "--load", "images.pt", ok=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("patches.weight", wrong.stderr)

    def test_pytorch_computes_the_same_logits_with_the_weights(self):
        if torch is None:
            self.skipTest("PyTorch or NumPy is not installed")
        for model in ("lenet", "resnet20", "convmixer"):
            self.run_it("--model", model, "--images", "64", "--epochs", "1", "--examples", "examples.npz")
            done = subprocess.run([sys.executable, SOURCE / "tutorials/images/models.py", model, "images.pt", "examples.npz"],
                                  cwd=self.folder, text=True, capture_output=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"^Accuracy \d+\.\d%, logits at most \S+ of the largest apart$")

    def test_digits_of_a_file_are_resized_and_learnt(self):
        if numpy is None:
            self.skipTest("NumPy is not installed")
        rng = numpy.random.default_rng(0)
        y = rng.integers(0, 3, 240)
        x = numpy.zeros((240, 28, 28), numpy.uint8)
        for image, label in zip(x, y):
            image[:, 9 * label : 9 * label + 9] = 255  # a bar on the left, in the middle or on the right
        numpy.savez(self.folder / "bars.npz", x_train=x, y_train=y, x_test=x[:60], y_test=y[:60])
        out = self.run_it("--data", "bars.npz", "--epochs", "10", "--no-augment").stdout
        self.assertEqual(self.epochs(out)[-1][3], 100.0, out)
        self.assertEqual(len(self.confusion(out)), 3)
        numpy.savez(self.folder / "none.npz", x_train=x, y_train=y[:5], x_test=x, y_test=y)
        result = self.run_it("--data", "none.npz", ok=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("expected a label for each image, integers, in y_train in none.npz, got the shape [5].", result.stderr)

    def test_the_picture_comes_with_its_numbers(self):
        folder = self.pictures(*SMALL)
        with open(folder / "images.csv") as file:
            rows = [row for row in csv.DictReader(file) if row["label"]]
        self.assertEqual(len(rows), 25)
        self.assertEqual(sum(int(row["count"]) for row in rows), 1000)
        self.assertTrue((folder / "mistakes.csv").read_text().startswith("x,y,brightness\n0,119,1\n"))

    def test_what_it_cannot_do_is_said_by_name(self):
        self.refuses(["--epochs", "-1"], ["--images", "0"], ["--model", "alexnet"], ["--learning-rate", "0"], ["--data", "nowhere.npz"],
                     ["--noise", "-1"], ["--sed", "1"])


if __name__ == "__main__":
    unittest.main()

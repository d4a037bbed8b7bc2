"""The tutorial of cells, layers and sequences as a person runs it: what it shows, what it reaches, what it writes, what it refuses."""

import concurrent.futures
import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/sequence_layers"
SMALL = ("--sequences", "1000", "--longest", "40", "--threads", "1")
SHORT = (*SMALL, "--epochs", "3")
EPOCH = re.compile(r"^ +(\d+) +(\d+\.\d{4}) +(\d+\.\d)% +(\d+\.\d{4}) +(\d+\.\d)%$", re.MULTILINE)
NEAR = r"the same(?: to [0-9]e-0[6-9])?"


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class SequenceLayersTest(ProgramTest):
    program = PROGRAM
    environment = {"OMP_NUM_THREADS": "1"}

    def epochs(self, text):
        """(loss, accuracy) with lengths and without, of each epoch."""
        rows = [[float(x) for x in m.groups()] for m in EPOCH.finditer(text)]
        self.assertEqual([row[0] for row in rows], list(range(1, len(rows) + 1)), text)
        return [((a, b / 100), (c, d / 100)) for _, a, b, c, d in rows]

    def test_it_shows_cells_layers_the_hidden_state_and_a_cell_of_ones_own(self):
        out = self.run_it(*SMALL, "--epochs", "1").stdout
        for line in (
            r"Recurrence\(RNNCell\(10 => 20\)\) +\(3, 5, 10\) -> \(3, 20\)",
            r"with \.return_sequence = true +\(3, 5, 10\) -> \(3, 5, 20\)",
            rf"the cell's last y, by hand +{NEAR} as the layer's",
            r"LSTMCell\(10 => 20\) +2560 parameters +carry \(h, c\)",
            r"GRUCell\(10 => 20\) +1920 parameters +carry \(h\)",
            r"read +h beside y +the same",
            rf"carried +2 steps, then 3 from their carry, beside 5 at once +{NEAR}",
            r"reset +the 3 steps without that carry +different by 0\.\d\d",
            rf"stream +StatefulRecurrentCell, 5 calls of one step +{NEAR}",
            r"5 more calls: it goes on where it was +different by 0\.\d\d",
            rf'5 more, after update_state\(st, "carry", Tree\(\)\) +{NEAR}',
            r"MinimalGatedUnit +1240 parameters",
            rf"with lengths 5, 2, 3 +row 2 beside 2 steps of it: {NEAR}",
            r"BidirectionalRNN +\(3, 5, 10\) -> \(3, 5, 40\)",
            rf"StatefulRecurrentCell +5 calls beside Recurrence: {NEAR}",
            r"embedding = Embedding\(1000 => 50\), +# 50_000 parameters",
            r"reader = LSTM\(50 => 64\), +# 29_696 parameters",
            r"head = Dense\(64 => 1\), +# 65 parameters",
        ):
            self.assertRegex(out, rf"(?m)^ *{line}")
        self.assertNotIn("\r", out)

    def test_told_the_lengths_it_learns_from_every_seed_and_the_padding_does_not_matter(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            outs = list(pool.map(lambda seed: self.run_it(*SHORT, "--seed", str(seed)).stdout, range(4)))
        for seed, out in enumerate(outs):
            with_lengths, without = self.epochs(out)[-1]
            self.assertGreaterEqual(with_lengths[1], 0.99, seed)
            self.assertLessEqual(without[1], 0.6, "as long as this it does not get anywhere without them")
            self.assertRegex(out, r"(?m)with lengths +the probabilities are the same( bit for bit| to [0-9]e-0[6-9])$")
            self.assertRegex(out, r"without +the probabilities move by up to \d")

    def test_as_it_is_it_learns_late_without_lengths(self):
        epochs = self.epochs(self.run_it("--threads", "1").stdout)
        self.assertEqual(len(epochs), 6)
        first, last = epochs[0], epochs[-1]
        self.assertGreaterEqual(first[0][1], 0.97)
        self.assertLessEqual(first[1][1], 0.6)
        self.assertGreaterEqual(last[0][1], 0.99)
        self.assertGreaterEqual(last[1][1], 0.95)

    def test_every_cell_learns_the_one_of_our_own_too(self):
        for cell, text in (("gru", "GRU(50 => 64)"), ("rnn", "RNN(50 => 64)"), ("mgu", "gate = Dense(114 => 64, sigmoid)")):
            out = self.run_it(*SHORT, "--cell", cell).stdout
            self.assertIn(text, out)
            self.assertGreaterEqual(self.epochs(out)[-1][0][1], 0.98, cell)

    def test_one_seed_gives_the_same_numbers_again(self):
        runs = {self.run_it(*SMALL, "--epochs", "1", "--seed", "7").stdout for _ in range(2)}
        self.assertEqual(len(runs), 1)
        self.assertNotEqual(runs, {self.run_it(*SMALL, "--epochs", "1", "--seed", "8").stdout})

    def test_it_shows_what_it_thinks_after_each_word(self):
        out = self.run_it(*SHORT).stdout
        read = re.findall(r"^ +([·AB]+)(_*)\n +with lengths +([▁▂▃▄▅▆▇█]+)\n +without +([▁▂▃▄▅▆▇█]+)$", out, re.MULTILINE)
        self.assertEqual(len(read), 2)
        for (words, padding, known, everywhere), first in zip(read, "AB"):
            self.assertEqual(len(words) + len(padding), 40)
            self.assertEqual((len(known), len(everywhere)), (len(words), 40))
            self.assertEqual(words.replace("·", "")[0], first)
            self.assertEqual(known[-1], "█" if first == "A" else "▁")

    def test_the_picture_comes_with_its_numbers(self):
        out = self.run_it(*SHORT, "--plots", "pictures").stdout
        accuracy = (self.folder / "pictures/accuracy.csv").read_text().splitlines()
        self.assertEqual(accuracy[0], "epoch,with lengths loss,with lengths accuracy,without loss,without accuracy")
        self.assertEqual(len(accuracy), 4)
        readings = (self.folder / "pictures/readings.csv").read_text().split("\n\n\n")
        self.assertEqual([len(block.split()) for block in readings[1:]], [40, 0])
        if "For a picture install gnuplot" in out:
            self.skipTest("gnuplot is not installed (gnuplot-nox)")
        self.assertEqual((self.folder / "pictures/sequence_layers.png").read_bytes()[:4], b"\x89PNG")

    def test_without_gnuplot_it_says_how_to_get_it(self):
        out = self.run_it(*SMALL, "--epochs", "1", "--plots", "pictures", PATH=str(self.folder)).stdout
        self.assertIn("apt-get install gnuplot-nox", out)

    def test_sequences_without_padding_are_fine(self):
        out = self.run_it("--sequences", "33", "--longest", "5", "--epochs", "1", "--batch-size", "7", "--plots", "pictures").stdout
        (with_lengths, without), = self.epochs(out)
        self.assertEqual(with_lengths, without)

    def test_what_it_cannot_do_is_said_by_name(self):
        for arguments in (["--batch-size", "0"], ["--cell", "elman"], ["--epochs", "-1"], ["--learning-rate", "inf"],
                          ["--longest", "4"], ["--sequences", "0"], ["--sed", "1"]):
            result = self.run_it(*arguments, ok=False)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(arguments[0], result.stderr)
        (self.folder / "file").write_text("")
        result = self.run_it("--plots", self.folder / "file", ok=False)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, "")
        self.assertIn("expected a folder to write pictures to", result.stderr)
        result = self.run_it(*SHORT, "--learning-rate", "1e38", ok=False)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stderr, r"at step \d+: expected a finite loss")


if __name__ == "__main__":
    unittest.main()

"""The forecasting tutorial as a person runs it: what it prints, what it reaches, what it draws, what it refuses."""

import os
import re
import unittest
from pathlib import Path

from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/encoder_decoder"
EPOCH = re.compile(r"^Epoch \[ *(\d+)\]: Loss (\d+\.\d{5})   Held out: RMSE (\d\.\d{4}) free running, (\d\.\d{4}) teacher forced$")
ROW = re.compile(r"^  (\S.*?) +(\d\.\d{4})   (\d\.\d{4})$")
SHORT = ["--epochs", "10", "--series", "4000", "--hidden", "32", "--batch-size", "32"]


@unittest.skipUnless(PROGRAM.exists(), "the tutorials are not built: they need CLI11 (libcli11-dev)")
class EncoderDecoderTest(ProgramTest):
    program = PROGRAM

    def rows(self, out):
        return {m[1]: (float(m[2]), float(m[3])) for m in map(ROW.match, out.splitlines()) if m}

    def epochs(self, out):
        return [m for m in map(EPOCH.match, out.splitlines()) if m]

    def test_after_a_short_training_it_beats_what_needs_none(self):
        for seed in ("0", "1"):
            out = self.run_it(*SHORT, "--seed", seed).stdout
            rows, epochs = self.rows(out), self.epochs(out)
            self.assertEqual([int(m[1]) for m in epochs], list(range(1, 11)))
            own, against_waves = rows.pop("encoder and decoder")
            self.assertEqual(len(rows), 3)
            self.assertLess(own, 0.5 * rows["the last value goes on"][0], out)
            self.assertLess(own, 0.8 * rows["the series repeats itself"][0], out)
            # Of independent errors the squares add up.
            noise = float(re.search(r"noise: (\d\.\d{4})", out)[1])
            self.assertAlmostEqual(own**2, against_waves**2 + noise**2, delta=0.05 * own**2)
            # One value ahead is easier than twenty, and the noise cannot be forecast.
            free_running, forced = map(float, epochs[-1].groups()[2:])
            self.assertEqual(own, free_running)
            self.assertLess(forced, own)
            self.assertGreater(forced, noise)

    def test_two_runs_of_a_seed_print_the_same(self):
        arguments = ["--epochs", "1", "--series", "500", "--hidden", "8"]
        first, second = (self.run_it(*arguments).stdout for _ in range(2))
        self.assertEqual(first, second)
        self.assertNotEqual(first, self.run_it(*arguments, "--seed", "1").stdout)

    def test_teacher_forcing_is_an_option(self):
        arguments = ["--epochs", "2", "--series", "1000", "--hidden", "16"]
        never, always = (self.epochs(self.run_it(*arguments, "--teacher-forcing", share).stdout)[-1] for share in ("0", "1"))
        self.assertLess(float(always[2]), float(never[2]))  # the loss of an easier task

    def test_the_picture_comes_with_its_numbers(self):
        out = self.run_it("--epochs", "1", "--series", "500", "--hidden", "8", "--plots", "pictures").stdout
        forecasts = (self.folder / "pictures/forecasts.csv").read_text().splitlines()
        self.assertTrue(forecasts[0].startswith("series,time,value,the last value goes on,"))
        self.assertEqual(len([line for line in forecasts if line]), 1 + 5 * 100)
        self.assertEqual((self.folder / "pictures/errors.csv").read_text().count("\n"), 21)
        if "For pictures install gnuplot" in out:
            self.skipTest("gnuplot is not installed (gnuplot-nox)")
        self.assertEqual((self.folder / "pictures/forecasts.png").read_bytes()[:4], b"\x89PNG")

    def test_without_gnuplot_it_says_how_to_get_it(self):
        out = self.run_it("--epochs", "1", "--series", "200", "--hidden", "4", "--plots", "pictures", PATH=str(self.folder)).stdout
        self.assertIn("apt-get install gnuplot-nox", out)

    def test_what_it_cannot_write_is_said_before_the_training(self):
        (self.folder / "file").write_text("")
        result = self.run_it("--plots", self.folder / "file", ok=False)
        self.assertEqual(result.returncode, 1)
        self.assertNotIn("Epoch", result.stdout)

    def test_unknown_values_are_refused_by_name(self):
        for arguments in (["--batch-size", "0"], ["--teacher-forcing", "1.5"], ["--epochs", "-1"], ["--learning-rate", "inf"],
                          ["--noise", "-1"], ["--hidden", "0"], ["--sed", "1"]):
            result = self.run_it(*arguments, ok=False)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(arguments[0], result.stderr)


if __name__ == "__main__":
    unittest.main()

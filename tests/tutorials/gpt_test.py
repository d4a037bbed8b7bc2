"""The GPT as a person runs it: what it learns and writes, with and without the cache, how it goes on, what it refuses."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from play import bigram_nats, play
from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/gpt"
HELD_OUT = re.compile(r"^Held out: (\d+\.\d{4}) nats, \d+\.\d{4} bits per character$", re.MULTILINE)
SMALL = ("--layers", "2", "--dims", "32", "--heads", "2", "--context", "32", "--threads", "1", "--length", "150")


@unittest.skipUnless(PROGRAM.exists(), "gpt is not built: it needs CLI11 (libcli11-dev) and libcurl (libcurl4-openssl-dev)")
class GptTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.folder / "play.txt"
        self.corpus.write_text(play())

    def run_it(self, *arguments, status=0):
        result = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, text=True, capture_output=True,
                                stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def train(self, *arguments, epochs=1, status=0):
        return self.run_it(*SMALL, "--epochs", epochs, "--corpus", self.corpus, *arguments, status=status)

    def refuses(self, result, *words):
        for word in words:
            self.assertIn(word, result.stderr)

    def test_it_learns_more_than_pairs_and_the_cache_changes_no_text(self):
        out = self.train("--learning-rate", "0.005", "--prompt", "ORLANDO:\n", epochs=4).stdout
        text = play()
        part = len(text) // 20
        nats = float(HELD_OUT.search(out).group(1))
        self.assertLess(nats, 0.5 * bigram_nats(text[: -2 * part], text[-part:]))
        # 150 symbols are more than the context: both ways have gone on from its last half.
        self.assertRegex(out, r"Written at \d+ characters per second with the cache, \d+ without \(\d+\.\d times\), the same text\.")
        if shutil.which("gnuplot"):
            self.assertEqual((self.folder / "gpt/losses.png").read_bytes()[:4], b"\x89PNG")

        sample = ("--sample", "gpt", "--prompt", "ORLANDO:\n", "--length", "200", "--threads", "1")
        written = self.run_it(*sample).stdout
        self.assertTrue(written.startswith("ORLANDO:\n"))
        self.assertEqual(len(written), len("ORLANDO:\n") + 200 + 1)
        self.assertEqual(self.run_it(*sample, "--no-cache").stdout, written)
        self.assertNotEqual(self.run_it(*sample, "--seed", "1").stdout, written)
        known = set(re.findall(r"\w+", text))
        words = re.findall(r"\w+", written)[:-1]
        self.assertGreater(sum(word in known for word in words), 0.8 * len(words))

    def test_a_training_that_was_interrupted_ends_as_one_that_was_not(self):
        whole = self.train("--out", "whole", "--checkpoint-every", "10").stdout
        self.train("--out", "parts", "--checkpoint-every", "10")
        newest = sorted((self.folder / "parts").glob("step_*"))
        (newest[-1] / "manifest.json").write_text("{")  # so that it goes on from the one before
        resumed = self.train("--out", "parts", "--checkpoint-every", "10", "--resume")
        self.assertIn("skipped parts/" + newest[-1].name, resumed.stderr)
        self.assertIn("Going on after step", resumed.stdout)
        self.assertEqual(HELD_OUT.search(resumed.stdout).group(1), HELD_OUT.search(whole).group(1))
        self.refuses(self.train("--out", "parts", status=1), "--resume", "parts")
        self.refuses(self.train("--out", "parts", "--resume", "--decay", "0.2", status=1), "another decay", "0.1", "0.2")

    def test_what_it_cannot_take_is_an_error_with_a_way_out(self):
        text = ("--corpus", self.corpus)
        self.refuses(self.run_it(*text, "--context", "5000", status=1), "at least 100020 symbols", "--context")
        self.refuses(self.run_it(*text, "--prompt", "Now €", status=1), '"€"')
        self.refuses(self.run_it(*text, "--dims", "30", status=2), "--dims", "twice --heads")
        self.refuses(self.run_it("--corpus", self.folder / "none.txt", status=1), "[gpt]", "none.txt", "--corpus")


if __name__ == "__main__":
    unittest.main()

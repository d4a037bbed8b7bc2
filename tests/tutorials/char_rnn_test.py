"""The character-level RNN as a person runs it: what it learns, writes, fetches and saves, how it goes on after an
interruption, and what it refuses."""

import hashlib
import http.server
import math
import os
import pty
import random
import re
import signal
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from kill_at import killed_at
from play import bigram_nats, play
from program import ProgramTest

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/char_rnn"
NUMBERS = re.compile(r"(\d+\.\d{4}) nats, (\d+\.\d{4}) bits per character")
HELD_OUT = re.compile(r"^Held out: (\d+\.\d{4}) nats, (\d+\.\d{4}) bits per character$", re.MULTILINE)
SMALL = ("--hidden", "48", "--threads", "1", "--length", "100")


class Server(http.server.ThreadingHTTPServer):
    """Serves one text: whole, without its end, or with one letter changed."""

    def __init__(self, text, manner):
        super().__init__(("127.0.0.1", 0), Handler)
        self.text, self.manner, self.requests = text.encode(), manner, 0
        self.url = f"http://127.0.0.1:{self.server_port}/play.txt"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        body = self.server.text
        if self.server.manner == "altered":
            body = body.replace(b"moon", b"noon", 1)
        self.send_response(404 if self.server.manner == "missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.server.manner == "truncated" else body)

    def log_message(self, *_):
        pass


@unittest.skipUnless(PROGRAM.exists(), "char_rnn is not built: it needs CLI11 (libcli11-dev) and libcurl (libcurl4-openssl-dev)")
class CharRnnTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.folder / "play.txt"
        self.corpus.write_text(play())

    def start(self, *arguments, environment=None, **options):
        return subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"),
                                                             "OMP_NUM_THREADS": "1", **(environment or {})}, **options)

    def run_it(self, *arguments, ok=True, text=None, environment=None):
        child = self.start(*arguments, stdin=subprocess.PIPE, environment=environment)
        out, err = child.communicate(text)
        if ok:
            self.assertEqual(child.returncode, 0, out + err)
        return subprocess.CompletedProcess(arguments, child.returncode, out, err)

    def train(self, *arguments, corpus=None, epochs=1, ok=True):
        return self.run_it(*SMALL, "--epochs", epochs, "--corpus", corpus or self.corpus, *arguments, ok=ok)

    def held_out(self, out):
        nats, bits = map(float, HELD_OUT.search(out).groups())
        self.assertAlmostEqual(bits, nats / math.log(2), delta=2e-4)
        return nats

    def refuses(self, result, *words):
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    # What it learns.

    def test_every_cell_learns_more_than_pairs_and_the_reference_recipe_learns_less(self):
        text = play()
        part = len(text) // 20
        pairs = bigram_nats(text[: -2 * part], text[-part:])
        nats = {}
        for cell in ("lstm", "gru", "rnn"):
            out = self.train("--cell", cell, "--learning-rate", "0.01", "--out", cell, epochs=2).stdout
            self.assertRegex(out, r"Epoch \[2\]: Iteration \[\d+/\d+\] Loss \d")
            self.assertEqual(len(re.findall(r"^Epoch \[\d\]: validation ", out, re.MULTILINE)), 2)
            nats[cell] = self.held_out(out)
            self.assertLess(nats[cell], 0.5 * pairs, cell)
        reference = self.train("--reference", "--out", "reference", epochs=2).stdout
        self.assertRegex(reference, r"Epoch \[2\]: Test Loss: \d\.\d{4} nats")
        self.assertGreater(self.held_out(reference), nats["lstm"])

    def test_samples_are_words_of_the_play(self):
        self.train(epochs=3)
        out = self.run_it("--sample", "char_rnn", "--prompt", "ORLANDO:\n", "--length", "400", "--temperature", "0.5").stdout
        self.assertTrue(out.startswith("ORLANDO:\n"))
        self.assertEqual(len(out), len("ORLANDO:\n") + 400 + 1)
        words = re.findall(r"[A-Za-z]+", out)[:-1]
        known = set(re.findall(r"[A-Za-z]+", play()))
        self.assertGreater(sum(w in known for w in words) / len(words), 0.9, out)
        again = self.run_it("--sample", "char_rnn", "--prompt", "ORLANDO:\n", "--length", "400", "--temperature", "0.5").stdout
        self.assertEqual(out, again)
        other = self.run_it("--sample", "char_rnn", "--prompt", "ORLANDO:\n", "--length", "400", "--seed", "1").stdout
        self.assertNotEqual(out, other)

    def test_losses_are_drawn(self):
        out = self.train().stdout
        rows = (self.folder / "char_rnn/losses.csv").read_text().splitlines()
        self.assertEqual(rows[0], "step,training")
        self.assertIn("step,validation", rows)
        if "For a picture install gnuplot" in out:
            self.skipTest("gnuplot is not installed (gnuplot-nox)")
        self.assertEqual((self.folder / "char_rnn/losses.png").read_bytes()[:4], b"\x89PNG")

    # Interruption.

    def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(self):
        whole = self.train("--out", "whole", "--checkpoint-every", "7").stdout
        draw = random.Random(3)
        arguments = [*SMALL, "--epochs", 1, "--corpus", self.corpus, "--out", "killed", "--checkpoint-every", "7", "--resume"]
        ends = []
        while 0 not in ends:
            # Two or more checkpoints are written between two kills, so that every run gets further than the last one.
            result = self.run_it(*arguments, ok=False, environment=killed_at(draw.randint(100, 300)))
            self.assertIn(result.returncode, (0, -signal.SIGKILL), result.stdout + result.stderr)
            ends.append(result.returncode)
        out = result.stdout
        self.assertGreater(len(ends), 3, "it was killed too seldom")
        end = lambda text: text[text.index("Held out"):].replace("whole/", "killed/")
        self.assertEqual(end(out), end(whole))
        self.assertEqual((self.folder / "whole/losses.csv").read_text(), (self.folder / "killed/losses.csv").read_text())

    def test_a_damaged_checkpoint_is_skipped_and_named(self):
        self.train("--checkpoint-every", "20")
        newest = max((self.folder / "char_rnn").glob("step_*"))
        part = newest / "parameters.safetensors"
        damaged = bytearray(part.read_bytes())
        damaged[-1] ^= 1
        part.write_bytes(damaged)
        result = self.train("--resume")
        self.assertIn(f"skipped char_rnn/{newest.name}", result.stderr)
        self.assertIn("Going on after step ", result.stdout)

    def test_a_folder_with_checkpoints_is_not_written_over(self):
        self.train()
        self.refuses(self.train(ok=False), "--resume", "char_rnn")
        self.refuses(self.train("--resume", "--cell", "gru", ok=False), "cell", '"lstm"', '"gru"')
        other = self.folder / "other.txt"
        other.write_text(play() + "And so on.\n")
        self.refuses(self.train("--resume", corpus=other, ok=False), "--corpus")

    # The text.

    def fetch(self, manner, *arguments, sha256=None, ok=True):
        server = Server(play(), manner)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        sha256 = sha256 or hashlib.sha256(play().encode()).hexdigest()
        return server, self.run_it(*SMALL, "--epochs", 1, "--corpus-url", server.url, "--corpus-sha256", sha256, *arguments, ok=ok)

    def cached(self):
        return [p for p in (self.folder / "cache").rglob("*") if p.is_file()]

    def test_a_text_is_fetched_once(self):
        server, _ = self.fetch("whole", "--out", "one")
        self.assertEqual([p.read_text() for p in self.cached()], [play()])
        sha256 = hashlib.sha256(play().encode()).hexdigest()
        server.shutdown()
        server.server_close()
        self.run_it(*SMALL, "--epochs", 1, "--corpus-url", server.url, "--corpus-sha256", sha256, "--out", "two")
        self.assertEqual(server.requests, 1)

    def test_a_broken_or_altered_download_is_refused_and_removed(self):
        for manner, words in (("truncated", ["--corpus"]), ("altered", ["sha256", "--corpus"]), ("missing", ["404", "--corpus"])):
            _, result = self.fetch(manner, ok=False)
            self.refuses(result, *words)
            self.assertEqual(self.cached(), [], manner)
            self.assertNotIn("Epoch", result.stdout)

    def test_a_cached_text_that_was_changed_is_fetched_again(self):
        server, _ = self.fetch("whole", "--out", "one")
        self.cached()[0].write_text("To be")
        sha256 = hashlib.sha256(play().encode()).hexdigest()
        self.run_it(*SMALL, "--epochs", 1, "--corpus-url", server.url, "--corpus-sha256", sha256, "--out", "two")
        self.assertEqual(server.requests, 2)

    def test_without_a_network_it_names_corpus(self):
        result = self.run_it(*SMALL, "--epochs", 1, "--corpus-url", "http://127.0.0.1:9/play.txt", ok=False)
        self.refuses(result, "--corpus", "http://127.0.0.1:9/play.txt")
        self.refuses(self.run_it(*SMALL, "--epochs", 1, "--corpus-url", f"file://{self.corpus}", ok=False), "--corpus")

    def test_texts_that_cannot_be_used_are_refused(self):
        for content, words in ((b"", ["empty", "--corpus"]), (b"To be", ["40", "5"]),
                               (b"word " * 30 + b"\xff\xfe" + b"word " * 300, ["150", "0xff"]),
                               (b"To be, or not to be: " * 4, ["got 76", "batch"])):
            self.corpus.write_bytes(content)
            result = self.train(ok=False)
            self.assertEqual(result.returncode, 1)
            for word in words:
                self.assertIn(word, result.stderr.lower())
        self.refuses(self.train(corpus=self.folder / "none.txt", ok=False), "none.txt")
        self.refuses(self.train(corpus=self.folder, ok=False), "--corpus")

    # Writing.

    def test_prompts_are_answered_at_the_terminal_one_symbol_at_a_time(self):
        self.train()
        result = self.run_it("--sample", "char_rnn", "--interactive", "--length", "30", text="THE FOOL:\nwith a $\nNow\n")
        self.assertIn("> THE FOOL:", result.stdout)
        self.assertIn("> Now", result.stdout)
        self.assertIn('"$"', result.stdout)  # and it goes on
        leader, follower = pty.openpty()
        child = self.start("--sample", "char_rnn", "--interactive", "--length", "20000", stdin=follower)
        os.close(follower)
        os.write(leader, b"Now\n")
        first = child.stdout.read(10)
        self.assertTrue(first.startswith("> Now"), first)
        self.assertIsNone(child.poll())
        child.kill()
        child.communicate()
        os.close(leader)

    def test_a_prompt_with_a_symbol_outside_the_alphabet_is_refused(self):
        self.train()
        self.refuses(self.run_it("--sample", "char_rnn", "--prompt", "Now €", ok=False), '"€"', "4")
        self.refuses(self.run_it("--sample", "nowhere", ok=False), "nowhere")
        before = self.train("--prompt", "Now €", "--out", "other", ok=False)
        self.refuses(before, '"€"')
        self.assertNotIn("Epoch", before.stdout)

    def test_unknown_values_are_refused_by_name(self):
        for arguments in (["--cell", "elman"], ["--sequence", "0"], ["--top-p", "2"], ["--temperature", "-1"], ["--interactive"],
                          ["--learning-rate", "nan"], ["--lenght", "5"]):
            result = self.run_it(*arguments, ok=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(arguments[0], result.stderr, arguments)

    def test_a_loss_that_is_not_a_number_names_the_step(self):
        self.refuses(self.train("--reference", "--learning-rate", "1e38", ok=False), "at step")

    @unittest.skipUnless(os.geteuid() == 0, "mounting a small disk needs root")
    def test_a_full_disk_loses_nothing(self):
        disk = self.folder / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", disk], capture_output=True).returncode:
            self.skipTest("no small disk could be mounted")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        result = self.train("--out", disk / "run", "--checkpoint-every", "10", "--keep", "50", ok=False)
        self.refuses(result, str(disk))
        whole = sorted((disk / "run").glob("step_*"))
        self.assertTrue(whole)
        self.run_it("--sample", whole[-1], "--prompt", "Now", "--length", "5")


if __name__ == "__main__":
    unittest.main()

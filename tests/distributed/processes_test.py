"""Several processes on this machine: what they compute together, and what they say where one of them fails."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from processes import ERROR, HAS_TORCHRUN, LIMIT, REFUSED, Processes, free_port, in_turn

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "tests/distributed_program"
Run = functools.partial(Processes, PROGRAM)


class ProcessesTest(unittest.TestCase):
    maxDiff = None

    def values(self, size, *arguments, **environment):
        with Run(size, *arguments, **environment) as run:
            found = run.ends()
        for status, _, errors in found:
            self.assertEqual(status, 0, errors)
        return [json.loads(output) for _, output, _ in found]

    def in_turn(self, size, *calls):
        """For each of the calls, which the same processes take in turn, what each of them printed."""
        with Run(size, *in_turn(*calls)) as run:
            found = run.ends()
        for status, _, errors in found:
            self.assertEqual(status, 0, errors)
        for _, output, _ in found:
            self.assertEqual(len(output.splitlines()), len(calls), output)
        return list(zip(*([json.loads(line) for line in output.splitlines()] for _, output, _ in found), strict=True))

    def alone(self, *calls):
        return [found for found, in self.in_turn(1, *calls)]

    def close(self, a, b, limit):
        self.assertEqual(len(a), len(b))
        for x, y in zip(a, b):
            self.assertLessEqual(abs(x - y), limit * abs(y))

    def test_every_call_gives_its_value(self):
        for size in (2, 3):
            for found in self.values(size, "calls"):
                self.assertEqual(found["wrong"], [])

    def test_any_number_of_processes_gives_one_curve(self):
        calls = [("spiral", batch) for batch in (129, 128, 7)]
        ones = self.alone(*calls)
        of_two = self.in_turn(2, *calls)
        for several, one in [*zip(of_two, ones, strict=True), *zip(self.in_turn(3, calls[0]), ones)]:
            for found in several:
                self.close(found["losses"], one["losses"], 1e-5)
                self.assertEqual(found["same"], "yes")
                self.assertEqual(found["hash"], several[0]["hash"])
        self.assertEqual(self.values(2, *calls[-1])[1]["hash"], of_two[-1][0]["hash"])

    def test_processes_without_rows_take_part(self):
        one, = self.alone(("spiral", 2))
        for found in self.values(3, "spiral", 2):
            self.close(found["losses"], one["losses"], 1e-5)
            self.assertEqual(found["same"], "yes")

    def test_states_stay_alike_where_masks_differ(self):
        for found in self.values(2, "norm", 40):
            self.assertEqual(found["same"], "yes")

    def test_batch_norms_over_the_group_give_one_curve(self):
        calls = [("whole_norm", batch) for batch in (128, 129, 7)]
        ones = self.alone(*calls)
        for size in (2, 3):
            for several, one in zip(self.in_turn(size, *calls), ones, strict=True):
                for found in several:
                    self.close(found["losses"], one["losses"], 1e-5)
                    self.assertEqual(found["same"], "yes")

    def test_local_steps_train_and_end_alike(self):
        for size, dtype in ((2, "half"), (3, "bfloat16")):
            for several in self.in_turn(size, ("local",), ("local16", dtype)):
                for found in several:
                    self.assertEqual(found["same"], "yes")
                    self.assertLess(sum(found["losses"][-5:]), 0.8 * sum(found["losses"][:5]))

    def test_a_checkpoint_fits_any_number_of_processes(self):
        with tempfile.TemporaryDirectory() as folder:
            def both(first, second):
                run = f"{folder}/{first}_{second}"
                before = self.values(first, "checkpoint", run)
                return before, self.values(second, "checkpoint", run)

            _, one = both(1, 1)
            for first, second in ((2, 2), (2, 1), (1, 3)):
                before, after = both(first, second)
                self.assertEqual(len({found["hash"] for found in before}), 1)
                for found in after:
                    self.assertEqual(found["from"], "6")
                    self.close(found["losses"], one[0]["losses"], 1e-5)

    def fails(self, size, *arguments, ranks=None, **environment):
        with Run(size, *arguments, **environment) as run:
            found = run.ends(ranks)
        return found

    def test_an_exception_reaches_the_others_with_its_text(self):
        (first, _, said), (second, _, own), (third, _, also) = self.fails(3, "trouble", "throw")
        self.assertEqual((first, second, third), (ERROR, REFUSED, ERROR))
        self.assertIn("[Mine] expected luck, got none.", own)
        for text in (said, also):
            self.assertIn("DistributedError of rank 1: [distributed] rank 1 of 3 failed: [Mine] expected luck", text)

    def test_a_killed_process_is_named(self):
        found = self.fails(3, "trouble", "kill")
        self.assertEqual([status for status, *_ in found], [ERROR, -signal.SIGKILL, ERROR])
        for rank in (0, 2):
            self.assertIn("rank 1 of 3 ended or does not answer, while this process waited in a training step",
                          found[rank][2])

    def test_a_process_that_stops_is_an_error_after_the_timeout(self):
        (status, _, said), = self.fails(2, "trouble", "stop", ranks=[0], TEST_TIMEOUT_MS="3000")
        self.assertEqual(status, ERROR)
        self.assertIn("rank 1 of 2 ended or does not answer", said)

    def test_a_process_with_fewer_batches_is_named(self):
        (status, _, said), (left, *_) = self.fails(2, "trouble", "leave")
        self.assertEqual((status, left), (ERROR, 0))
        self.assertIn("or had it fewer batches?", said)

    def test_a_process_in_another_call_is_named_by_both(self):
        for status, _, said in self.fails(2, "trouble", "barrier"):
            self.assertEqual(status, ERROR)
            self.assertRegex(said, r"expected the same calls on all processes, but rank \d waits in .*, and rank \d in")

    def test_calls_of_other_kinds_or_sizes_are_refused(self):
        for status, _, said in self.fails(2, "other_call"):
            self.assertEqual(status, ERROR)
            self.assertIn("got all_reduce (sum) of a float32 tensor of shape (1,) on rank 0 and barrier on rank 1", said)
        for status, _, said in self.fails(2, "other_size"):
            self.assertEqual(status, ERROR)
            self.assertIn("tensor of shape (1,) on rank 0 and all_reduce (sum) of a float32 tensor of shape (2,) on rank 1",
                          said)
        for status, _, said in self.fails(2, "other_reduction"):
            self.assertEqual(status, ERROR)
            self.assertIn("got all_reduce (sum) of a float32 tensor of shape (1,) on rank 0 and all_reduce (max) of", said)
        for status, _, said in self.fails(2, "other_root"):
            self.assertEqual(status, ERROR)
            self.assertRegex(said, "got broadcast from rank 0 of .* on rank 0 and broadcast from rank 1 of .* on rank 1")
        for status, _, said in self.fails(2, "other_agreement"):
            self.assertEqual(status, ERROR)
            self.assertIn("got an agreement on rank 0 and barrier on rank 1", said)

    def test_checked_calls_are_compared_in_training_steps_too(self):
        ends = self.fails(2, "trouble", "barrier", LUXTORCH_DISTRIBUTED_CHECK="1")
        for status, _, said in ends:
            self.assertEqual(status, ERROR)
            self.assertRegex(said, r"got a training step of a float32 tensor of shape \(\d+,\) on rank 0 and barrier on rank 1")
        self.assertEqual(*(said.splitlines()[-1] for _, _, said in ends))
        checked, plain = (self.values(2, "spiral", 129, LUXTORCH_DISTRIBUTED_CHECK=word) for word in "10")
        self.assertEqual(checked, plain)

    def test_calls_that_only_one_process_checks_are_refused(self):
        with Run(2, "calls", changes={1: {"LUXTORCH_DISTRIBUTED_CHECK": "1"}}) as run:
            (status, _, said), (other, *_) = run.ends()
        self.assertEqual(status, REFUSED)
        self.assertRegex(said, "calls not checked on rank 0 and .*, calls checked on rank 1")
        self.assertNotEqual(other, 0)

    def test_a_loss_that_is_nan_on_one_process_is_the_same_error_on_all(self):
        for status, _, said in self.fails(2, "trouble", "nan"):
            self.assertEqual(status, REFUSED)
            self.assertIn("at step 1: expected a finite loss, got nan", said)

    def test_other_models_and_optimizers_are_refused_on_all(self):
        for status, _, said in self.fails(2, "trouble", "model"):
            self.assertEqual(status, REFUSED)
            self.assertRegex(said, r'got "parameter layer_1.*" on rank 0 and "parameter layer_1.* on rank 1')
        for status, _, said in self.fails(2, "trouble", "optimizer"):
            self.assertEqual(status, REFUSED)
            self.assertRegex(said, r'"optimizer: Adam\(0.01.*" on rank 0 and "optimizer: Adam\(0.5.*" on rank 1')

    def test_other_loaders_are_refused_on_all(self):
        for other, line in (("rows", '"observations: 200" on rank 0 and "observations: 199"'),
                            ("batch_size", '"batch_size: 64" on rank 0 and "batch_size: 65"'), ("rng", '"rng: 3')):
            for status, _, said in self.fails(2, "loaders", other):
                self.assertEqual(status, REFUSED)
                self.assertIn(f"[DataLoader] expected the same on all processes, got {line}", said)

    def test_a_port_in_use_is_an_error(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            (status, _, said), = self.fails(2, "calls", ranks=[0], MASTER_PORT=str(s.getsockname()[1]))
        self.assertEqual(status, REFUSED)
        self.assertIn("Is the port in use", said)

    def test_a_process_that_never_starts_is_named(self):
        with Run(2, "calls", changes={1: {"RANK": "0", "MASTER_PORT": str(free_port())}}, TEST_TIMEOUT_MS="3000") as run:
            (status, _, said), = run.ends([0])
        self.assertEqual(status, ERROR)
        self.assertIn("rank 1 has not come. Has it started?", said)

    @unittest.skipUnless(HAS_TORCHRUN, "this Python has no torchrun")
    def test_torchrun_starts_them(self):
        command = [sys.executable, "-m", "torch.distributed.run", "--no-python", "--nproc-per-node", "2", "--master-port",
                   str(free_port()), str(PROGRAM), "calls"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count('{"wrong": []}'), 2)


if __name__ == "__main__":
    unittest.main()

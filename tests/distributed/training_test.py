"""Processes that train together: their curve is that of one process, whatever lies in parts or travels in 16 bits."""

import functools
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from processes import REFUSED, Processes

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "tests/training_program"


def outcomes(size, *arguments):
    with Processes(PROGRAM, size, *arguments) as processes:
        return processes.ends()


@functools.cache
def values(size, *arguments):
    """What each process printed."""
    found = outcomes(size, *arguments)
    for status, _, errors in found:
        if status != 0:
            raise AssertionError(errors)
    return [json.loads(output) for _, output, _ in found]


def distance(size, *arguments, one=None):
    """The largest relative difference of a loss from one process' curve; all processes end with the same bits."""
    expected = values(1, *(one or arguments))[0]["losses"]
    several = values(size, *arguments)
    assert len({found["hash"] for found in several}) == 1, "the processes differ"
    assert all(found["losses"] == several[0]["losses"] for found in several)
    return max(abs(a - b) / abs(b) for a, b in zip(several[0]["losses"], expected, strict=True))


class CurveTest(unittest.TestCase):
    def test_any_number_of_processes_gives_one_curve(self):
        # Each model with each number of processes and each size of a batch, but not all together.
        for model, size, batch in (("dense", 2, 129), ("dense", 3, 7), ("dense", 4, 128), ("gru", 2, 128), ("gru", 3, 129),
                                   ("lstm", 4, 7)):
            with self.subTest(model=model, size=size, batch=batch):
                self.assertLessEqual(distance(size, "curve", model, batch), 1e-5)

    def test_a_carry_in_the_states_is_that_of_a_process_rows(self):
        for size in (2, 3):  # of 100 rows, so parts of other sizes
            self.assertLessEqual(distance(size, "curve", "carry", 100), 1e-5)

    def test_batch_norms_over_the_group_see_how_parts_are_weighted(self):
        for size, words in ((2, []), (2, ["sum"]), (3, ["sum", "clipped"])):
            with self.subTest(size=size, words=words):
                self.assertLessEqual(distance(size, "curve", "norm", 129, *words), 1e-5)

    def test_the_plain_mean_over_processes_leaves_the_curve(self):
        # So the test above would see it: a process with fewer rows would count too much.
        for size, batch in ((2, 129), (3, 7)):
            got = distance(size, "curve", "dense", batch, "plain_mean", one=("curve", "dense", batch))
            self.assertGreater(got, 5e-5)

    def test_frozen_parameters_and_clips_see_the_whole_batch(self):
        for words in (["frozen"], ["clipped"], ["frozen", "clipped", "shard"]):
            with self.subTest(words):
                self.assertLessEqual(distance(3, "curve", "dense", 129, *words), 1e-5)
        curves = {tuple(values(1, "curve", "dense", 129, *words)[0]["losses"])
                  for words in ([], ["frozen"], ["clipped"], ["frozen", "clipped", "shard"])}
        self.assertEqual(len(curves), 4)

    def test_messages_of_16_bits_stay_near_the_curve(self):
        for dtype, limit in (("bfloat16", 5e-4), ("float16", 5e-5)):
            for size in (2, 3):
                with self.subTest(dtype=dtype, size=size):
                    got = distance(size, "curve", "dense", 129, dtype, one=("curve", "dense", 129))
                    self.assertLessEqual(got, limit)
                    self.assertGreater(got, 1e-6)  # it did travel in 16 bits
        self.assertLessEqual(distance(2, "curve", "dense", 129, "bfloat16", "shard", one=("curve", "dense", 129)), 5e-4)

    def test_a_group_of_one_gives_the_bits_of_no_group(self):
        plain = values(1, "curve", "dense", 129, "no_group")
        self.assertEqual(plain, values(1, "curve", "dense", 129))
        self.assertEqual(plain, values(1, "curve", "dense", 129, "shard", "bfloat16"))


class ShardTest(unittest.TestCase):
    def test_a_state_in_parts_gives_the_same_bits(self):
        for size, dtype in ((2, "float32"), (3, "float32"), (3, "float64"), (2, "bfloat16")):
            for found in values(size, "rules", dtype):
                self.assertEqual(found["wrong"], [], (size, dtype))

    def test_it_keeps_the_promises_of_train_state(self):
        for found in values(2, "promises") + values(3, "promises"):
            self.assertEqual(found["wrong"], [])

    def test_each_process_has_its_part_of_the_moments(self):
        for size, words in ((1, []), (2, []), (2, ["shard"]), (3, ["shard"])):
            for found in values(size, "moments", *words):
                moments, parameters = map(int, found["bytes"])
                share = 1 / size if words else 1
                self.assertGreaterEqual(moments, 2 * parameters * (share - 0.01))
                self.assertLessEqual(moments, 2 * parameters * (share + 0.01))

    def test_a_checkpoint_does_not_know_of_parts(self):
        with tempfile.TemporaryDirectory() as folder:
            def run(name, size, steps, *words):
                found = outcomes(size, "checkpoint", f"{folder}/{name}", steps, *words)
                for status, _, errors in found:
                    self.assertEqual(status, 0, errors)
                hashes = {output for _, output, _ in found}
                self.assertEqual(len(hashes), 1)
                return hashes.pop()

            uninterrupted = run("whole", 1, 13)
            # 7 steps end within a window of AccumGrad.
            for name, first, second in (("a", (2, "shard"), (3, "shard")), ("b", (3, "shard"), (1,)),
                                        ("c", (2,), (2, "shard")), ("d", (2, "shard"), (3,))):
                with self.subTest(first=first, second=second):
                    run(name, first[0], 7, *first[1:])
                    self.assertEqual(run(name, second[0], 6, *second[1:]), uninterrupted)


class ErrorTest(unittest.TestCase):
    def all_say(self, text, size, *arguments, status=REFUSED):
        for got, _, said in outcomes(size, *arguments):
            self.assertEqual(got, status, said)
            self.assertIn(text, said)

    def test_optimizers_that_need_whole_arrays_are_refused(self):
        for found in values(2, "refused"):
            muon, own, scale = found["said"]
            self.assertIn("[TrainState] expected with .shard_optimizer an optimizer whose rules work on parts of arrays, got "
                          "Muon(0.001", muon)
            self.assertIn("which needs whole matrices. Leave .shard_optimizer out", muon)
            self.assertIn("got SignDescent(0.10), which is not one of the library's rules", own)
            self.assertIn("got LossScale(65536", scale)
        self.assertEqual(values(1, "refused")[0]["said"], ["nothing"] * 3)

    def test_a_process_that_changes_its_parameters_is_named(self):
        self.all_say("at layer_2.bias: expected the same parameters on all processes after step 1, got others on rank 1 than "
                     "on rank 0", 2, "trouble", "changes")

    def test_other_options_on_one_process_are_refused_on_all(self):
        self.all_say('"shard_optimizer: false" on rank 0 and "shard_optimizer: true" on rank 1', 2, "trouble", "options")

    def test_gradients_beyond_float16_are_refused_on_all(self):
        self.all_say("at step 1: expected gradients of at most 65504, to be sent in float16", 2, "trouble", "huge", "float16")
        for words in (["huge", "bfloat16"], ["huge", "float16", "scaled"]):
            values(2, "trouble", *words)

    def test_a_folder_without_the_group_cannot_save_parts(self):
        with tempfile.TemporaryDirectory() as folder:
            self.all_say("expected CheckpointFolderOptions::group to be that of the TrainState", 2, "trouble", "save",
                         f"{folder}/run", "shard")

    def test_after_parameters_that_did_not_come_no_wrong_ones_are_given(self):
        (status, output, said), _ = outcomes(2, "broken")
        self.assertEqual(status, 0, said)
        self.assertEqual(json.loads(output)["said"], ["DistributedError"] * 4 + ["as before"])


if __name__ == "__main__":
    unittest.main()

"""Processes that train together: their curve is that of one process, whatever lies in parts or travels in 16 bits."""

import functools
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from processes import REFUSED, Processes, in_turn

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "tests/training_program"


def outcomes(size, *calls):
    """How processes end that take these calls in turn."""
    with Processes(PROGRAM, size, *in_turn(*calls)) as processes:
        return processes.ends()


@functools.cache
def values(size, *calls):
    """For each call, what each of the processes printed."""
    found = outcomes(size, *calls)
    for status, _, errors in found:
        if status != 0:
            raise AssertionError(errors)
    return list(zip(*([json.loads(line) for line in output.splitlines()] for _, output, _ in found), strict=True))


def curves(size, *calls):
    return values(size, *(("curve", *call) for call in calls))


def distances(size, calls, ones):
    """The largest relative difference of a loss from one process' curve in ones, for each of the calls; all processes
    end with the same bits."""
    found = []
    for several, (one,) in zip(curves(size, *calls), curves(1, *ones), strict=True):
        assert len({process["hash"] for process in several}) == 1, "the processes differ"
        assert all(process["losses"] == several[0]["losses"] for process in several)
        found.append(max(abs(a - b) / abs(b) for a, b in zip(several[0]["losses"], one["losses"], strict=True)))
    return found


class CurveTest(unittest.TestCase):
    def all_within(self, limit, size, calls, ones=None):
        for call, got in zip(calls, distances(size, calls, ones or calls), strict=True):
            with self.subTest(size=size, call=call):
                self.assertLessEqual(got, limit)

    def test_any_number_of_processes_gives_one_curve(self):
        # Each model with each number of processes and each size of a batch, but not all together.
        self.all_within(1e-5, 2, [("dense", 129), ("gru", 128)])
        self.all_within(1e-5, 3, [("dense", 7), ("gru", 129)])
        self.all_within(1e-5, 4, [("dense", 128), ("lstm", 7)])

    def test_a_carry_in_the_states_is_that_of_a_process_rows(self):
        for size in (2, 3):  # of 100 rows, so parts of other sizes
            self.all_within(1e-5, size, [("carry", 100)])

    def test_batch_norms_over_the_group_see_how_parts_are_weighted(self):
        self.all_within(1e-5, 2, [("norm", 129), ("norm", 129, "sum")])
        self.all_within(1e-5, 3, [("norm", 129, "sum", "clipped")])

    def test_the_plain_mean_over_processes_leaves_the_curve(self):
        # So the test above would see it: a process with fewer rows would count too much.
        for size, batch in ((2, 129), (3, 7)):
            got, = distances(size, [("dense", batch, "plain_mean")], [("dense", batch)])
            self.assertGreater(got, 5e-5)

    def test_frozen_parameters_and_clips_see_the_whole_batch(self):
        calls = [("dense", 129, *words) for words in (["frozen"], ["clipped"], ["frozen", "clipped", "shard"])]
        self.all_within(1e-5, 3, calls)
        ones = {tuple(one["losses"]) for one, in curves(1, ("dense", 129)) + curves(1, *calls)}
        self.assertEqual(len(ones), 4)

    def test_messages_of_16_bits_stay_near_the_curve(self):
        one = ("dense", 129)
        for size in (2, 3):
            calls = [(*one, "bfloat16"), (*one, "float16")]
            for got, limit in zip(distances(size, calls, [one, one]), (5e-4, 5e-5), strict=True):
                with self.subTest(size=size, limit=limit):
                    self.assertLessEqual(got, limit)
                    self.assertGreater(got, 1e-6)  # it did travel in 16 bits
        self.all_within(5e-4, 2, [(*one, "bfloat16", "shard")], [one])

    def test_a_group_of_one_gives_the_bits_of_no_group(self):
        (plain,), *others = curves(1, *(("dense", 129, *words) for words in (["no_group"], [], ["shard", "bfloat16"])))
        self.assertEqual(others, [(plain,)] * 2)


class ShardTest(unittest.TestCase):
    def test_a_state_in_parts_gives_the_same_bits(self):
        for size, dtypes in ((2, ("float32", "bfloat16")), (3, ("float32", "float64"))):
            for dtype, processes in zip(dtypes, values(size, *(("rules", dtype) for dtype in dtypes)), strict=True):
                for found in processes:
                    self.assertEqual(found["wrong"], [], (size, dtype))

    def test_it_keeps_the_promises_of_train_state(self):
        for size in (2, 3):
            for found in values(size, ("promises",))[0]:
                self.assertEqual(found["wrong"], [])

    def test_each_process_has_its_part_of_the_moments(self):
        whole, shard = ("moments",), ("moments", "shard")
        for size, calls in ((1, [whole]), (2, [whole, shard]), (3, [shard])):
            for call, processes in zip(calls, values(size, *calls), strict=True):
                for found in processes:
                    moments, parameters = map(int, found["bytes"])
                    share = 1 / size if call == shard else 1
                    self.assertGreaterEqual(moments, 2 * parameters * (share - 0.01))
                    self.assertLessEqual(moments, 2 * parameters * (share + 0.01))

    def test_a_checkpoint_does_not_know_of_parts(self):
        with tempfile.TemporaryDirectory() as folder:
            def run(size, steps, **runs):
                """Names and words of runs in turn; by name, the hashes, which are those of all processes."""
                calls = [("checkpoint", f"{folder}/{name}", steps, *words) for name, words in runs.items()]
                found = values(size, *calls)
                for hashes in found:
                    self.assertEqual(hashes, (hashes[0],) * size)
                return dict(zip(runs, (hashes[0] for hashes in found), strict=True))

            whole, shard = [], ["shard"]
            uninterrupted = run(1, 13, whole=whole)["whole"]
            # 7 steps end within a window of AccumGrad.
            run(2, 7, a=shard, c=whole, d=shard), run(3, 7, b=shard)
            for size, runs in ((3, {"a": shard, "d": whole}), (1, {"b": whole}), (2, {"c": shard})):
                for name, hashes in run(size, 6, **runs).items():
                    with self.subTest(name):
                        self.assertEqual(hashes, uninterrupted)


class ErrorTest(unittest.TestCase):
    def all_say(self, text, size, *call, status=REFUSED):
        for got, _, said in outcomes(size, call):
            self.assertEqual(got, status, said)
            self.assertIn(text, said)

    def test_optimizers_that_need_whole_arrays_are_refused(self):
        for found in values(2, ("refused",))[0]:
            muon, own, scale = found["said"]
            self.assertIn("[TrainState] expected with .shard_optimizer an optimizer whose rules work on parts of arrays, got "
                          "Muon(0.001", muon)
            self.assertIn("which needs whole matrices. Leave .shard_optimizer out", muon)
            self.assertIn("got SignDescent(0.10), which is not one of the library's rules", own)
            self.assertIn("got LossScale(65536", scale)
        self.assertEqual(values(1, ("refused",))[0][0]["said"], ["nothing"] * 3)

    def test_a_process_that_changes_its_parameters_is_named(self):
        self.all_say("at layer_2.bias: expected the same parameters on all processes after step 1, got others on rank 1 than "
                     "on rank 0", 2, "trouble", "changes")

    def test_other_options_on_one_process_are_refused_on_all(self):
        self.all_say('"shard_optimizer: false" on rank 0 and "shard_optimizer: true" on rank 1', 2, "trouble", "options")

    def test_gradients_beyond_float16_are_refused_on_all(self):
        self.all_say("at step 1: expected gradients of at most 65504, to be sent in float16", 2, "trouble", "huge", "float16")
        values(2, ("trouble", "huge", "bfloat16"), ("trouble", "huge", "float16", "scaled"))

    def test_a_folder_without_the_group_cannot_save_parts(self):
        with tempfile.TemporaryDirectory() as folder:
            self.all_say("expected CheckpointFolderOptions::group to be that of the TrainState", 2, "trouble", "save",
                         f"{folder}/run", "shard")

    def test_after_parameters_that_did_not_come_no_wrong_ones_are_given(self):
        (status, output, said), _ = outcomes(2, ("broken",))
        self.assertEqual(status, 0, said)
        self.assertEqual(json.loads(output)["said"], ["DistributedError"] * 4 + ["as before"])


if __name__ == "__main__":
    unittest.main()

"""tools/bench/interleaved.py: competitors played in turns, compared, found to compute something else."""

import os
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
sys.path.insert(0, str(BENCH))

import interleaved  # noqa: E402

WELL = """
    import turns

    def open_problem(file, what):
        if what != "step":
            raise ValueError("no such thing")

        def start():
            values = iter([0.7 - 0.01 * i for i in range(100)])
            last = [None]

            def step():
                last[0] = next(values)
                bytes(bytearray(int(file)))

            return step, lambda: last[0]

        return start

    turns.take("well", open_problem, threads=1)
"""
# Says how long it took.
TOLD = """
    import json
    print(json.dumps({"ready": "told", "threads": 1}), flush=True)
    while line := input():
        _, warm, steps = line.split()
        print(json.dumps({"values": [1] * (int(warm) + int(steps)), "ns": [%d] * int(steps), "cpu_ns": 6000000}), flush=True)
"""
SKIPS = """
    import turns

    turns.skip("no such library")
"""
ENDS = """
    import sys

    sys.exit("its last words")
"""


def turn(*values, ns=(1,)):
    return interleaved.Turn(list(values), list(ns))


class InterleavedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def competitor(self, name, text):
        path = self.folder / f"{name}.py"
        path.write_text(f"import sys\nsys.path.insert(0, {str(BENCH)!r})\n" + textwrap.dedent(text))
        found = interleaved.Competitor(name, [sys.executable, path], patience=300)
        self.addCleanup(found.close)
        return found

    def test_every_turn_starts_afresh_and_has_a_time_for_each_step_that_is_not_for_warming_up(self):
        well = self.competitor("well", WELL)
        self.assertEqual((well.about, well.threads), ("well", 1))
        well.open("0")
        for _ in range(2):
            found = well.take_turn(2, 3)
            self.assertEqual(found.values, [0.7 - 0.01 * i for i in range(5)])
            self.assertEqual(len(found.ns), 3)
            self.assertTrue(all(ns > 0 for ns in found.ns))
            self.assertGreater(found.cpu_ns, 0)

    def test_a_turn_can_go_on_where_the_last_one_ended(self):
        well = self.competitor("well", WELL)
        well.open("0")
        well.take_turn(1, 1)
        found = well.take_more(2)
        self.assertEqual(found.values, [0.7 - 0.01 * i for i in (2, 3)])
        self.assertEqual(len(found.ns), 2)

    def test_one_that_cannot_do_a_problem_says_why_and_does_the_next_one(self):
        well = self.competitor("well", WELL)
        with self.assertRaisesRegex(interleaved.Skipped, "ValueError: no such thing"):
            well.open("0", "forward")
        well.open("0")
        self.assertEqual(well.take_turn(0, 1).values, [0.7])

    @unittest.skipUnless(Path("/proc/self/status").exists(), "there is no /proc")
    def test_the_most_memory_is_told_after_it_was_given_back(self):
        well = self.competitor("well", WELL)
        well.open(str(100_000_000))
        most_before, now_before = well.memory()
        self.assertGreaterEqual(most_before, now_before)
        well.take_turn(0, 1)
        most, now = well.memory()
        self.assertGreater(most - most_before, 90e6)
        self.assertLess(now - now_before, 50e6)

    def test_one_that_cannot_run_says_why(self):
        with self.assertRaisesRegex(interleaved.Skipped, "no such library"):
            self.competitor("skips", SKIPS)

    def test_one_that_ends_is_named_with_its_last_words(self):
        with self.assertRaisesRegex(interleaved.Failed, "(?s)ends ended with status 1.*its last words"):
            self.competitor("ends", ENDS)

    def test_rounds_have_a_turn_of_each_and_not_always_the_same_order(self):
        order = []

        class Noted:
            def __init__(self, name):
                self.name = name

            def take_turn(self, warm, steps):
                order.append(self.name)
                return turn(0)

        rounds = list(interleaved.play([Noted("a"), Noted("b")], rounds=20, warm=1, steps=1, pause=0))
        self.assertTrue(all(set(turns) == {"a", "b"} for turns in rounds))
        pairs = [tuple(order[i : i + 2]) for i in range(0, 40, 2)]
        self.assertEqual(set(pairs), {("a", "b"), ("b", "a")})

    def test_ratios_are_taken_round_by_round(self):
        a, b = self.competitor("a", TOLD % 1_000_000), self.competitor("b", TOLD % 2_000_000)
        found = interleaved.compare(list(interleaved.play([a, b], rounds=3, warm=1, steps=2)), "a")
        self.assertEqual((found["b"].minimum, found["b"].median), (2.0, 2.0))
        self.assertEqual((found["b"].ratio, found["b"].ratio_of_minimums), (2.0, 2.0))
        self.assertEqual(found["b"].cpu, 3.0)
        # A round in which the machine is ten times as slow for both changes no ratio.
        rounds = [{"a": turn(0, ns=[n]), "b": turn(0, ns=[3 * n])} for n in (1e6, 10e6, 1e6)]
        found = interleaved.compare(rounds, "a")
        self.assertEqual((found["b"].ratio, found["b"].ratio_low, found["b"].ratio_high), (3.0, 3.0, 3.0))

    def test_who_computes_something_else_is_named(self):
        well = {name: [0.7, 0.6] for name in "abc"}
        self.assertEqual(interleaved.disagreement(well), "")
        for value in (0.7001, float("nan")):
            self.assertIn("d: the first value", interleaved.disagreement({**well, "d": [value, 0.6]}))
        self.assertEqual(interleaved.disagreement({**well, "d": [0.7, 0.60005]}), "")
        self.assertIn("d: the last value", interleaved.disagreement({**well, "d": [0.7, 0.60007]}))
        self.assertIn("b: the last value", interleaved.disagreement({"a": [1, float("nan")], "b": [1, float("nan")]}))


if __name__ == "__main__":
    unittest.main()

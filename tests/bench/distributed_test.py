"""tools/bench/distributed_bench: its cost model and picture, and a short run of the programs of this build."""

import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
BUILD = Path(os.environ["LUXTORCH_BUILD_DIR"])
sys.path[:0] = [str(BENCH / "distributed_bench"), str(BENCH), str(BENCH / "recurrent")]

import cost  # noqa: E402
import curves  # noqa: E402
import interleaved  # noqa: E402
import measure  # noqa: E402

SIZES = (4, 256, 4096, 1 << 20, 64 << 20)


class CostTest(unittest.TestCase):
    def test_a_fit_finds_the_numbers_that_made_the_times(self):
        for p in (2, 3, 8):
            made = cost.Network("made up", 80e-6, 1e9)
            found, deviation = cost.fit(p, {n: made.ring(p, n) for n in SIZES})
            self.assertAlmostEqual(found.latency, 80e-6, delta=1e-12)
            self.assertAlmostEqual(found.bandwidth, 1e9, delta=1)
            self.assertLess(deviation, 1e-9)

    def test_small_messages_count_as_much_as_large_ones(self):
        # Of absolute deviations the largest message alone would decide, and the latency would be below 0.
        times = {4: 1e-4, 4096: 1e-4, 1 << 20: 4e-4, 64 << 20: 90e-3}
        found, deviation = cost.fit(2, times)
        self.assertAlmostEqual(2 * found.latency, 1e-4, delta=3e-5)
        self.assertLess(deviation, 1)

    def test_neither_part_of_the_cost_is_below_zero(self):
        self.assertEqual(cost.fit(2, {4: 1e-3, 1 << 20: 5e-4})[0].bandwidth, math.inf)
        found, _ = cost.fit(2, {4: 1e-12, 1 << 20: 1e-3, 2 << 20: 3e-3})
        self.assertEqual(found.latency, 0)
        self.assertEqual(cost.fit(2, {4: 1e-3})[0].latency, 5e-4)

    def test_a_step_takes_the_shorter_way_and_its_message_has_the_formulas_length(self):
        network = cost.Network("slow", 1e-3, 1e6)
        small, = cost.predict(network, 22, 0.05, [8])  # 100 bytes
        self.assertAlmostEqual(small["ring"], 14e-3 + 14 / 8 * 1e-4)
        self.assertAlmostEqual(small["tree"], 6 * (1e-3 + 1e-4))
        self.assertAlmostEqual(small["step"], 0.05 + small["tree"])
        self.assertAlmostEqual(small["efficiency"], 0.05 / small["step"])
        large, = cost.predict(network, 1_000_000, 0.05, [8])
        self.assertAlmostEqual(large["step"], 0.05 + large["ring"])


class MeasureTest(unittest.TestCase):
    def test_the_slowest_process_counts_and_the_median_is_of_all(self):
        self.assertEqual(measure.slowest([[3e9, 1e9], [2e9, 4e9]]), (2.0, 2.5))

    def test_sizes_go_up_to_the_largest(self):
        self.assertEqual(measure.sizes(64), [4, 16, 64])
        self.assertEqual(measure.sizes(100), [4, 16, 64, 100])

    def test_what_a_group_adds_is_taken_round_by_round(self):
        rows = {("a", "plain"): {"best": 1, "rounds": [1, 10, 3]}, ("a", "group"): {"best": 3, "rounds": [3, 12, 4]}}
        self.assertEqual(measure.overhead(rows, "a"), {"best": 2, "median": 2})

    def test_other_losses_on_one_side_are_refused(self):
        measure.check("m", {("a", "group"): [0.7, 0.6], ("b", "group"): [0.7, 0.6], ("b", "plain"): [0.9, 0.9]})
        with self.assertRaisesRegex(interleaved.Failed, "m: they do not compute the same"):
            measure.check("m", {("a", "group"): [0.7, 0.6], ("b", "group"): [0.7001, 0.6]})


class PictureTest(unittest.TestCase):
    def test_each_model_has_a_panel_and_each_network_a_curve_and_a_tree_where_it_is_shorter(self):
        fast, slow = cost.Network("fast", 0.0, 1e9), cost.Network("slow & far", 1e-3, math.inf)
        model = {"parameters": 1000, "compute": 1e-3,
                 "predicted": {n.name: cost.predict(n, 1000, 1e-3) for n in (fast, slow)}}
        svg = ET.fromstring(curves.draw({"about": "a < b", "models": {"one": model, "two": model}}))
        ring_or_tree = svg.findall("{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(len(ring_or_tree), 2 * 3)
        self.assertEqual(sum("stroke-dasharray" in c.attrib for c in ring_or_tree), 2)
        words = [t.text for t in svg.findall("{http://www.w3.org/2000/svg}text")]
        self.assertEqual(words.count("slow & far"), 2)
        for points in (c.get("points").split() for c in ring_or_tree):
            self.assertEqual(len(points), len(cost.PROCESSES))


@unittest.skipUnless(importlib.util.find_spec("numpy"), "this Python has no numpy")
class ProgramsTest(unittest.TestCase):
    def test_a_short_run_measures_predicts_and_draws(self):
        if not (BUILD / "bench/distributed_bench/luxtorch").exists():
            self.skipTest("the measurements are not built (LUXTORCH_BENCH is off)")
        with tempfile.TemporaryDirectory() as folder:
            file, drawn, again = (Path(folder) / name for name in ("found.json", "drawn.svg", "again.svg"))
            command = [sys.executable, BENCH / "distributed_bench/distributed_bench.py", "--programs",
                       BUILD / "bench/distributed_bench"]
            run = subprocess.run(
                [*command, "--rounds", "2", "--steps", "2", "--starts", "1", "--messages", "2", "--message-rounds", "1",
                 "--most-bytes", "4096", "--hidden", "8", "--json", file, "--picture", drawn],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            self.assertIn("bar: at most 0.3 ms more for the shortest step", run.stdout)
            self.assertIn("predicted steps, large", run.stdout)
            found = json.loads(file.read_text())
            sides = {"luxtorch", "pytorch"} if importlib.util.find_spec("torch") else {"luxtorch"}
            self.assertEqual(set(found["startup"]), sides)
            self.assertEqual(found["models"]["spiral"]["parameters"], 393)
            self.assertEqual(set(found["models"]["large"]["added"]), sides)
            self.assertEqual([row["processes"] for row in found["models"]["large"]["predicted"]["1 Gbit/s, 80 us"]],
                             cost.PROCESSES)
            ET.parse(drawn)
            subprocess.run([*command, "--from", file, "--picture", again], check=True)
            self.assertEqual(again.read_text(), drawn.read_text())


if __name__ == "__main__":
    unittest.main()

"""tools/bench/recurrent: which cells of the grid are measured and how often, how operations are counted, the picture."""

import os
import random
import sys
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from unittest import mock

BENCH = Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/bench"
sys.path[:0] = [str(BENCH), str(BENCH / "recurrent")]

import grid  # noqa: E402
import interleaved  # noqa: E402
import operations  # noqa: E402
import picture  # noqa: E402
import problem  # noqa: E402


class MadeUp:
    """Takes as long for a step as ns(how many turns it has had) says."""

    def __init__(self, name, ns, value=lambda step: 0.5):
        self.name, self.ns, self.value, self.asked = name, ns, value, []

    def take_turn(self, warm, steps):
        self.done = 0
        return self.turn(warm, steps)

    def take_more(self, steps):
        return self.turn(0, steps)

    def turn(self, warm, steps):
        self.asked.append(steps)
        values = [self.value(self.done + i) for i in range(warm + steps)]
        self.done += warm + steps
        return interleaved.Turn(values, [self.ns(len(self.asked))] * steps)


class GridTest(unittest.TestCase):
    STEP = grid.Cell("lstm", 8, 16, 1, "step")
    FORWARD = grid.Cell("lstm", 8, 16, 1, "forward")

    def setUp(self):
        patch = mock.patch.object(grid, "PAUSE", 0)
        patch.start()
        self.addCleanup(patch.stop)

    def measure(self, ours, theirs, cell=STEP):
        return grid.measure(ours, theirs, cell, random.Random(0).shuffle)

    def test_the_grid_has_every_kind_and_size_forward_and_step(self):
        self.assertEqual(len(grid.cells()), 3 * 4 * 3 * 3 * 2)
        self.assertEqual(len(set(grid.cells())), 216)

    def test_a_filter_takes_any_of_a_kind_and_all_kinds_together(self):
        self.assertEqual(len(grid.choose("")), 216)
        found = grid.choose("lstm,gru,h128,b32")
        self.assertEqual(len(found), 2 * 3 * 2)
        self.assertEqual({(c.kind, c.hidden, c.batch) for c in found}, {("lstm", 128, 32), ("gru", 128, 32)})
        self.assertEqual([str(c) for c in grid.choose("rnn,h8,t16,b1,step")], ["rnn h8 t16 b1 step"])

    def test_nine_pairs_are_enough_for_a_ratio_that_is_not_below_the_least(self):
        ours, theirs = MadeUp("ours", lambda turn: 1e8), MadeUp("theirs", lambda turn: 0.95e8)
        found = self.measure(ours, theirs)
        self.assertEqual((found.pairs, found.ratio), (9, 0.95))
        self.assertEqual(len(ours.asked), 1 + 9)
        self.assertEqual((found.ours, found.theirs), (100, 95))

    def test_a_ratio_below_the_least_is_measured_again_and_the_second_figure_stands(self):
        # Slow only as long as the first pairs last.
        ours = MadeUp("ours", lambda turn: 2e8 if turn <= 10 else 0.5e8)
        theirs = MadeUp("theirs", lambda turn: 1e8)
        found = self.measure(ours, theirs)
        self.assertEqual((found.pairs, found.ratio), (27, 2))
        self.assertEqual(len(theirs.asked), 1 + 9 + 1 + 27)
        # Slow the second time too.
        found = self.measure(MadeUp("ours", lambda turn: 2e8), theirs)
        self.assertEqual((found.pairs, found.ratio), (27, 0.5))

    def test_a_ratio_is_the_median_of_the_pairs(self):
        ours = MadeUp("ours", lambda turn: 1e8 if turn % 4 else 9e8)
        self.assertEqual(self.measure(ours, MadeUp("theirs", lambda turn: 3e8)).ratio, 3)

    def test_a_turn_has_as_many_steps_as_fit_and_never_fewer_than_two(self):
        for ns, steps in ((1e9, 2), (1e6, 30), (1e3, 200)):
            ours = MadeUp("ours", lambda turn: ns)
            self.measure(ours, MadeUp("theirs", lambda turn: 1e9))
            self.assertEqual(ours.asked, [2] + 9 * [steps])

    def test_the_loss_after_twenty_updates_of_slow_cells_is_compared_too(self):
        def measure(value, cell):
            slow = [MadeUp(name, lambda turn: 1e9, v) for name, v in (("ours", value), ("theirs", lambda step: 0.5))]
            return self.measure(*slow, cell)

        for cell, wrong_from in ((self.STEP, 0), (self.STEP, 20), (self.FORWARD, 0)):
            with self.assertRaisesRegex(interleaved.Failed, f"{cell}: they do not compute the same:\n.*(ours|theirs): the "):
                measure(lambda step: 0.5 if step < wrong_from else 0.6, cell)
        self.assertEqual(measure(lambda step: 0.5 if step < 21 else 0.6, self.STEP).ratio, 1)

    def test_the_summary_names_the_worst_cell_and_the_mean_of_factors(self):
        a, b = grid.Measured(4, 9, 1, 4, 1, 4), grid.Measured(0.25, 27, 1, 0.25, 1, 0.25)
        lines = grid.summary({self.STEP: a, self.FORWARD: b})
        self.assertIn("geometric mean of all 2 cells: 1.00; worst: lstm h8 t16 b1 forward with 0.25; below 0.95: 1; "
                      "measured again with 27 pairs: 1", lines[1])
        self.assertIn("lstm forward 0.25, lstm step 4.00, gru forward -", lines[0])


class OperationsTest(unittest.TestCase):
    def test_a_spiral_step_has_the_products_that_paper_says(self):
        # 6400 steps of 32 rows with 2 inputs and 8 units, 128 heads; backward has no gradient of the data.
        from_data, carried, head = 2 * 6400 * 32 * 2, 2 * 6400 * 32 * 8, 2 * 128 * 8
        self.assertEqual(operations.of_products(problem.spiral(), training=False), from_data + carried + head)
        self.assertEqual(operations.of_products(problem.spiral(), training=True), 2 * from_data + 3 * carried + 3 * head)

    def test_symbols_are_looked_up_and_a_second_layer_hands_a_gradient_down(self):
        # 1024 steps of 512 rows: 128 units, 128 from below and 128 units, a head of 68.
        self.assertEqual(operations.of_products(problem.char(), training=True), 3 * 2 * 1024 * (512 * 3 * 128 + 128 * 68))

    def test_without_a_head_there_is_none(self):
        self.assertEqual(operations.of_products(problem.plain("gru", 3, 5, 7), training=False), 2 * 15 * 21 * (7 + 7))


class PictureTest(unittest.TestCase):
    def task(self, **ratios):
        rows = {name: {"ratio": r, "ratio_low": r / 1.1, "ratio_high": r * 1.1} for name, r in ratios.items()}
        return {"shape": {"cell": "lstm"}, "rows": rows, "rows_by_loop": {}}

    def draw(self, **tasks):
        return ET.fromstring(picture.draw({"about": ["a < b & c"], "tasks": tasks}))

    def of_kind(self, svg, kind):
        return svg.findall(f"{{http://www.w3.org/2000/svg}}{kind}")

    def test_it_is_well_formed_and_names_everybody_but_us(self):
        svg = self.draw(char=self.task(luxtorch_recurrence=1, pytorch_module=2.5, jax_scan=4),
                        first={"rows": {"luxtorch_recurrence": {"ratio": 1}, "pytorch_module": {"ratio": 3}}})
        words = [t.text for t in self.of_kind(svg, "text")]
        self.assertIn("a < b & c", words)
        self.assertEqual(words.count("PyTorch, nn.LSTM"), 2)
        self.assertIn("2.50", words)
        self.assertNotIn("luxtorch, Recurrence(LSTMCell)", words)

    def test_twice_and_half_as_long_are_bars_of_one_length_on_both_sides_of_the_line(self):
        svg = self.draw(char=self.task(luxtorch_recurrence=1, pytorch_module=2, jax_scan=0.5))
        twice, half = self.of_kind(svg, "rect")[1:]
        self.assertAlmostEqual(float(twice.get("width")), float(half.get("width")), delta=0.2)
        self.assertAlmostEqual(float(half.get("x")) + float(half.get("width")), float(twice.get("x")), delta=0.2)

    def test_the_grid_has_a_dot_for_every_cell(self):
        cells = [{"kind": c.kind, "what": c.what, "ratio": 0.5 + i} for i, c in enumerate(grid.cells())]
        self.assertEqual(len(self.of_kind(self.draw(grid={"cells": cells}), "circle")), 216)


if __name__ == "__main__":
    unittest.main()

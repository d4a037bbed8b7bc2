"""tools/comparison/page.py and table.py: all that was found is told, escaped, and drawn where its numbers say."""

import copy
import html.parser
import math
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["LUXTORCH_SOURCE_DIR"]) / "tools/comparison"))

import page
import page_rows
import table

ABOUT = {
    "date": "2026-11-22",
    "command": "tools/compare --case 'a & b'",
    "processor": "A <fast> one",
    "threads": 2,
    "device": "cpu",
    "load": 0.1,
    "rounds": 12,
    "versions": {"luxtorch": "0.1.0", "PyTorch": "2.13.0+cpu", "JAX": None},
}
STEPS = 50


def time(ms, ratio, low=None, high=None):
    return {"minimum_ms": ms, "median_ms": ms, "ratio": ratio, "ratio_low": low or ratio, "ratio_high": high or ratio}


def case(name, step=2.0, forward=None, **changes):
    theirs = [1.0 / (i + 1) for i in range(STEPS)]
    values = {
        "outputs": {"y": 1.5e-16},
        "gradients": {"x": 2e-16, "weight": 3e-16},
        "tolerance": 1e-10,
        "losses": {
            "first": {"steps": 20, "difference": 4e-15, "tolerance": 1e-10},
            "all": {"steps": STEPS, "difference": 2e-12, "tolerance": 1e-8, "leaves": None},
            "own": {"words": "one way against another", "difference": 6e-13, "leaves": None},
        },
        "curves": {"luxtorch": [loss * (1 + 1e-12) for loss in theirs], "PyTorch": theirs, "PyTorch, cells": theirs},
    }
    rows = {
        "luxtorch": {
            "forward": time(0.5, 1) if forward else None,
            "step": time(1.25, 1),
            "first_step_s": 0.27,
            "peak_mb": 190,
        },
        "PyTorch": {
            "forward": time(0.5 * forward, forward) if forward else None,
            "step": time(1.25 * step, step, 0.9 * step, 1.1 * step),
            "first_step_s": 2.5,
            "peak_mb": 301.4,
        },
    }
    return {
        "name": name,
        "optimiser": None,
        "words": "Dense 2 => 1",
        "wrong": [],
        "random": False,
        "values": {"float64": values},
        "times": {"dtype": "float32", "rows": rows, "skipped": {"JAX": "it has no such case"}},
        **changes,
    }


def found(*cases):
    return {"about": ABOUT, "cases": list(cases)}


def text_of(document):
    """What a reader sees, without the style sheet."""
    root = ElementTree.fromstring(document.partition("\n")[2])
    root.find("head").remove(root.find("head/style"))
    return "".join(root.itertext())


class Checker(html.parser.HTMLParser):
    """Every element that is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, _):
        self.open.append(tag)

    def handle_startendtag(self, tag, _):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


class PageTest(unittest.TestCase):
    def test_the_file_is_html_that_needs_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            page.write(path, found(case("models/a"), case("mine/b", wrong=["It differs."])))
            document = path.read_text(encoding="utf-8")
        self.assertTrue(document.startswith("<!doctype html>\n"))
        checker = Checker()
        checker.feed(document)
        self.assertEqual(checker.open, [])
        for other in ("http:", "https:", "//", "src=", "href=", "<script", "@import", "url("):
            self.assertNotIn(other, document)

    def test_losses_that_drift_are_told_beside_pytorchs_own_drift(self):
        one = case("models/a")
        losses = one["values"]["float64"]["losses"]
        losses["all"].update(tolerance=None, leaves=37, limit=1e-8)
        losses["own"]["leaves"] = 41
        for told in (text_of(page.document(found(one))), table.text(found(one))):
            self.assertRegex(told, r"(?s)1e-8.*from step\s+37\b.*from step\s+41\b")
        losses["all"].update(tolerance=1e-8)
        self.assertNotIn("from step", table.text(found(one)))

    def test_every_case_and_every_wrong_sentence_is_told(self):
        cases = [case(f"group{i % 7}/case_{i}") for i in range(150)]
        cases[70]["wrong"] = ["The gradient of weight differs first: 3e-4.", "And the losses."]
        for told in (text_of(page.document(found(*cases))), table.text(found(*cases))):
            for own in cases:
                self.assertIn(own["name"], told)
            for sentence in cases[70]["wrong"]:
                self.assertIn(sentence, told)

    def test_wrong_rows_are_marked_and_first(self):
        values = case("x")["values"]
        values["float64"]["gradients"]["weight"] = 3.2e-4
        document = page.document(found(case("a/fine"), case("b/bad", values=values, wrong=["It differs."])))
        root = ElementTree.fromstring(document.partition("\n")[2])
        rows = [row for row in root.iter("tr") if any("/" in (span.text or "") for span in row.iter("span"))]
        self.assertEqual([row.get("class") for row in rows], ["bad", None])
        self.assertEqual([cell.text for cell in rows[0] if cell.get("class") == "wrong"], ["3.2e-4"])
        told = table.text(found(case("a/fine"), case("b/bad", values=values, wrong=["It differs."])))
        self.assertLess(told.index("! b/bad"), told.index("a/fine"))
        self.assertIn("1 of 2 cases fails: b/bad; 1 gives PyTorch's values", text_of(document))

    def test_cases_of_a_group_stand_together(self):
        cases = [case("layers/a"), case("losses/b"), case("layers/c"), case("losses/d", wrong=["It differs."])]
        self.assertEqual([own["name"] for own in page_rows.ordered(cases)], ["losses/d", "layers/a", "layers/c", "losses/b"])

    def test_texts_are_escaped(self):
        evil = "<script>alert('&')</script>"
        own = case(f"mine/{evil}", words=evil, wrong=[evil], optimiser=evil)
        own["times"]["skipped"] = {evil: evil}
        own["times"]["rows"][evil] = own["times"]["rows"]["PyTorch"]
        own["values"]["float64"]["outputs"] = {evil: 0.0}
        document = page.document({"about": {**ABOUT, "command": evil, "processor": evil}, "cases": [own]})
        self.assertNotIn("<script", document)
        self.assertGreater(text_of(document).count(evil), 8)

    def test_bars_and_whiskers_end_where_the_axis_has_their_ratio(self):
        ratios = {"models/slow": 0.4, "models/even": 1.0, "models/fast": 7.5}
        document = page.document(found(*[case(name, step=ratio) for name, ratio in ratios.items()]))
        root = ElementTree.fromstring(document.partition("\n")[2])
        chart = next(svg for svg in root.iter("svg") if svg.get("class") == "bars")
        ticks = {float(t.text): float(t.get("x")) for t in chart.findall("text") if t.get("class") == "tick"}
        self.assertGreater(len(ticks), 2)
        slope = (ticks[5.0] - ticks[1.0]) / math.log(5)
        for value, x in ticks.items():
            self.assertAlmostEqual(x, ticks[1.0] + slope * math.log(value), delta=0.03)
        bars = [bar for bar in chart.findall("rect") if bar.get("class") == "c0"]
        whiskers = [line for line in chart.findall("path") if line.get("class") == "whisker"]
        self.assertEqual((len(bars), len(whiskers)), (3, 3))
        for (name, ratio), bar, whisker in zip(ratios.items(), bars, whiskers):
            self.assertIn(name, bar.find("title").text)
            ends = (float(bar.get("x")), float(bar.get("x")) + float(bar.get("width")))
            there = ticks[1.0] + slope * math.log(ratio)
            self.assertAlmostEqual(ends[0], min(there, ticks[1.0]), delta=0.05)
            self.assertAlmostEqual(ends[1], max(there, ticks[1.0]), delta=0.65)
            low, high = re.match(r"M([\d.]+) [\d.]+H([\d.]+)M", whisker.get("d")).groups()
            self.assertAlmostEqual(float(low), there + slope * math.log(0.9), delta=0.05)
            self.assertAlmostEqual(float(high), there + slope * math.log(1.1), delta=0.05)

    def test_every_competitor_has_its_bar(self):
        own = case("models/a", forward=1.5)
        for name in ("torch.compile", "luxtorch.nn in Python", "JAX"):
            own["times"]["rows"][name] = own["times"]["rows"]["PyTorch"]
        document = page.document(found(own))
        self.assertEqual([len(re.findall(f'<rect [^>]*class="c{i}"', document)) for i in range(5)], [2, 2, 2, 2, 0])

    def test_curves_are_drawn_at_their_losses_and_differences(self):
        root = ElementTree.fromstring(page.document(found(case("models/a"))).partition("\n")[2])
        svg = next(svg for svg in root.iter("svg") if svg.get("class") == "curves")
        ticks = [(t.text, float(t.get("y")) - 3.3) for t in svg.findall("text") if t.get("text-anchor") == "end"]
        losses = {float(text): y for text, y in ticks if re.fullmatch(r"[\d.]+", text)}
        powers = {int(text[2:]): y for text, y in ticks if text.startswith("1e")}
        points = {
            path.get("class"): [tuple(map(float, point.split())) for point in path.get("d")[1:].split("L")]
            for path in svg.findall("path")
        }
        self.assertEqual(
            {name: len(own) for name, own in points.items()},
            {"luxtorch": STEPS, "pytorch": STEPS, "d-ours": STEPS, "d-own": STEPS},
        )
        for i in (0, 1, 20, STEPS - 1):
            y = losses[0.0] + (losses[1.0] - losses[0.0]) / (i + 1)
            self.assertAlmostEqual(points["luxtorch"][i][1], y, delta=0.15)
            self.assertAlmostEqual(points["pytorch"][i][1], y, delta=0.15)
        a, b = min(powers), max(powers)
        at = lambda value: powers[a] + (powers[b] - powers[a]) * (math.log10(value) - a) / (b - a)
        self.assertAlmostEqual(points["d-ours"][0][1], at(1e-12), delta=0.2)
        limit = next(line for line in svg.findall("line") if line.get("class") == "limit")
        self.assertAlmostEqual(float(limit.get("y1")), at(1e-8), delta=0.05)

    def test_what_is_missing_or_no_number_breaks_nothing(self):
        broken = case("models/nan", wrong=["The losses are not finite from step 11 on."])
        values = broken["values"]["float64"]
        values["curves"]["luxtorch"][10:] = [math.nan] * (STEPS - 10)
        values["losses"]["all"]["difference"], values["gradients"]["x"] = math.nan, math.inf
        cases = [
            broken,
            case("a/crashed", values=None, times=None, wrong=["It ended."]),
            {"name": "bare"},
            case("a/random", values={}, random=True),
        ]
        for told in (text_of(page.document(found(*cases))), table.text(found(*cases))):
            self.assertIn("nan", told)
            self.assertIn("1 case is random", told)
        self.assertIn("No values were compared.", text_of(page.document(found())))
        self.assertIn("No values were compared.", table.text(found()))

    def test_a_random_case_is_not_judged(self):
        values = case("x")["values"]
        values["float64"]["outputs"]["y"] = 0.5
        document = page.document(found(case("layers/dropout", values=values, random=True)))
        self.assertNotIn('class="wrong"', document)
        self.assertNotIn('class="curves"', document)
        self.assertIn("random: only timed", text_of(document))

    def test_luxtorch_nn_in_python_has_a_row_of_values_of_its_own(self):
        own = case("models/a")
        own["values"]["float64"]["python"] = {
            "outputs": {"y": 7.7e-16},
            "gradients": {"x": 8.8e-4},
            "tolerance": 1e-10,
        }
        own["values"]["float64"]["curves"]["luxtorch.nn in Python"] = own["values"]["float64"]["curves"]["PyTorch"]
        document = page.document(found(own))
        self.assertIn('class="d-door"', document)
        self.assertIn("Rows of luxtorch.nn in Python have its times", text_of(document))
        self.assertRegex(document, '<td class="wrong" title="x">8.8e-4</td>')
        self.assertRegex(table.text(found(own)), r"  luxtorch.nn in Python +7.7e-16 +8.8e-4!")

    def test_optimisers_are_named_where_a_case_has_several(self):
        document = page.document(
            found(case("a/x", optimiser="adam"), case("a/x", optimiser="sgd"), case("a/y", optimiser="sgd"))
        )
        for told in ("<span>a/x (adam)</span>", "<span>a/x (sgd)</span>", "<span>a/y</span>"):
            self.assertIn(told, document)

    def test_the_headline_says_where_luxtorch_is_slower(self):
        self.assertEqual(
            page_rows.headline([case("a/x", 4.0), case("a/y", 0.25)])[1],
            "PyTorch takes 1.00 times as long as luxtorch for a training step (geometric mean of 2 cases); "
            "luxtorch is the slower one in 1.",
        )
        self.assertEqual(
            page_rows.headline([case("a/x", 0.5)])[1],
            "luxtorch takes 2.00 times as long as PyTorch for a training step.",
        )
        told = text_of(page.document(found(case("a/x", 4.0), case("a/y", 0.25, forward=3.0))))
        self.assertIn("Slower than PyTorch in the training step: a/y (0.25).", told)
        self.assertNotIn("Slower than PyTorch in the forward pass", told)

    def test_a_slower_case_whose_rounds_disagree_is_told_as_such(self):
        near = case("a/y", 0.98)
        near["times"]["rows"]["PyTorch"]["step"]["ratio_high"] = 1.03
        self.assertIn(
            "slower one in 1, in 1 of them by less than the rounds scatter.",
            page_rows.headline([case("a/x"), near])[1],
        )

    def test_differences_are_the_largest_ones(self):
        own = page_rows.differences(case("a/x"))
        self.assertEqual(own["float64", "gradients"].value, 3e-16)
        self.assertEqual(own["float64", "gradients"].where, "weight")
        wrong = copy.deepcopy(case("a/x"))
        wrong["values"]["float64"]["gradients"]["weight"] = math.nan
        self.assertTrue(page_rows.differences(wrong)["float64", "gradients"].over)

    def test_the_terminals_table_is_110_columns_wide_at_most(self):
        cases = [case(f"mine/{'long' * 12}_{i}", forward=1.5) for i in range(3)] + [
            case("a/b", wrong=["Very much " * 40])
        ]
        for own in cases:
            for name in ("torch.compile", "luxtorch.nn in Python", "JAX"):
                own["times"]["rows"][name] = own["times"]["rows"]["PyTorch"]
            own["values"]["float32"] = own["values"]["float64"]
        lines = table.text(found(*cases)).splitlines()
        self.assertLessEqual(max(map(len, lines)), 110)
        self.assertEqual(sum("2.00x" in line for line in lines), 4)

    def test_numbers_have_sensible_digits(self):
        self.assertEqual(
            [page_rows.scientific(v) for v in (1.14e-16, 0, 2e-5, 1234.0)], ["1.1e-16", "0", "2.0e-5", "1.2e3"]
        )
        self.assertEqual([page_rows.limit(v) for v in (1e-10, 2e-5, 1.5e-3)], ["1e-10", "2e-5", "1.5e-3"])
        self.assertEqual([page_rows.times(v) for v in (0.85, 2.314, 9.996, 123.4)], ["0.85", "2.31", "10.0", "123"])
        self.assertEqual(
            [page_rows.three_digits(v) for v in (0.02134, 2.5412, 9.999, 127.3, 1270.4, 0)],
            ["0.0213", "2.54", "10.0", "127", "1270", "0"],
        )


if __name__ == "__main__":
    unittest.main()

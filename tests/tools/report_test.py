"""luxtorch report: the page that it writes of logs."""

import os
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
from html.parser import HTMLParser
from pathlib import Path

import run_logs

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/luxtorch"
WITHOUT_END = {"meta", "!doctype"}


class Page(HTMLParser):
    """Tags that fit into each other, and the text within some of them."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.tags, self.attributes, self.wrong = [], [], set(), [], []
        self.feed(html)
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def of(self, tag):
        return [text for where, text in self.texts if where == tag and text.strip()]


@unittest.skipUnless(PROGRAM.exists(), "the program luxtorch is not built: it needs CLI11 (libcli11-dev)")
class ReportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        run_logs.write(self.folder / "runs/a", run_logs.training())

    def call(self, *arguments, status=0):
        result = subprocess.run([PROGRAM, "report", *arguments], cwd=self.folder, text=True, capture_output=True)
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def page(self, *runs):
        self.call(*runs, "-o", "page.html")
        html = (self.folder / "page.html").read_text()
        page = Page(html)
        self.assertEqual(page.wrong, [])
        self.assertFalse(page.tags & {"script", "link", "img", "iframe", "object", "base"})
        self.assertEqual([a for a in page.attributes if a[0].startswith("on") or a[0] in ("src", "style")], [])
        self.assertTrue(all(value.startswith("#") for name, value in page.attributes if name == "href"))
        self.assertNotRegex(html, r"url\(|@import")
        self.pictures = [xml.etree.ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]
        return page

    def test_a_page_of_one_run_has_its_curves_model_and_summary(self):
        page = self.page("runs/a")
        self.assertEqual(page.of("h1"), ["Training runs/a"])
        self.assertEqual(page.of("h2"), ["runs/a "])
        for value in ("20", "0.05438", "0.1444", "10.0 s", "412 MB", "ada", "0.1.0", "2.13.0", "Adam", "spirals"):
            self.assertIn(value, page.of("dd"))
        self.assertIn("best 0.1039 at 16", page.of("small"))
        self.assertIn("Chain(\n    layer_1 = Dense(2 => 32, relu),\n    layer_2 = Dense(32 => 2),\n)", page.of("pre"))
        self.assertIn("./spirals --width 32", page.of("pre"))
        self.assertIn("FLOPs of a step", page.of("th"))
        self.assertIn("49\u202f152", page.of("td"))
        self.assertIn("SaveBest: validation_loss 0.1039, saved to runs/a/best.pt", page.of("td"))
        self.assertEqual([p.get("aria-label") for p in self.pictures], ["loss over epoch", "accuracy over epoch"])
        titles = [t.text for p in self.pictures for t in p.iter("{http://www.w3.org/2000/svg}title")]
        self.assertIn("best epoch, epoch 16: 0.1039", titles)

    def test_the_table_has_the_settings_that_differ_first(self):
        run_logs.write(self.folder / "runs/b", run_logs.training(epochs=5, settings={"width": 64, "data": "spirals"}, host="grace"))
        page = self.page("runs/a", "runs/b")
        self.assertEqual(page.of("h1"), ["2 trainings"])
        self.assertEqual(page.of("th")[:3], ["run", "width", "state"])
        self.assertEqual(page.of("td")[:3], ["32", "ended", "0.05438"])
        self.assertIn("grace", page.of("td"))
        self.assertEqual(page.of("dt")[:2], ["data", "optimizer"])

    def test_a_gap_breaks_a_curve_and_a_point_without_neighbours_is_seen(self):
        values = [1.0, "NaN", 0.7, 0.6]
        run_logs.write(self.folder / "runs/a", [run_logs.start(), *(run_logs.epoch(n, {"loss": v}) for n, v in enumerate(values, 1))])
        self.page("runs/a")
        lines = [line.get("points").split() for line in self.pictures[0].iter("{http://www.w3.org/2000/svg}polyline")]
        self.assertEqual([len(line) for line in lines], [2, 2])
        self.assertEqual(lines[0][0], lines[0][1])

    def write(self, *lines):
        run_logs.write(self.folder / "runs/a", [run_logs.start(), *lines])

    def lines(self, picture=0, curves=None):
        """The points of each line; curves: of the one with this class alone."""
        groups = [g for g in self.pictures[picture].iter("{http://www.w3.org/2000/svg}g") if curves in (None, g.get("class"))]
        return [line.get("points").split() for g in groups for line in g.iter("{http://www.w3.org/2000/svg}polyline")]

    def test_a_run_that_diverged_says_nan(self):
        values = [0.5, 0.4, 0.3, 0.25, "NaN", "NaN", "NaN"]
        self.write(*(run_logs.epoch(n, {"validation_loss": v, "accuracy": "NaN"}) for n, v in enumerate(values, 1)))
        page = self.page("runs/a")
        self.assertIn("best 0.25 at 4", page.of("small"))
        self.assertEqual(page.of("dd").count("NaN"), 2)

    def test_validation_of_every_third_epoch_is_a_line_with_its_best(self):
        self.write(*(run_logs.epoch(n, {"loss": 1.0 / n, **({"validation_loss": abs(n - 6) + 1.0} if n % 3 == 0 else {})})
                     for n in range(1, 11)))
        page = self.page("runs/a")
        self.assertIn("4", page.of("dd"))
        self.assertIn("best 1 at 6", page.of("small"))
        self.assertEqual([len(line) for line in self.lines(curves="s1")], [3])
        titles = [t.text for p in self.pictures for t in p.iter("{http://www.w3.org/2000/svg}title")]
        self.assertEqual(titles, ["best epoch, epoch 6: 0.1667", "best epoch, epoch 6: 1"])

    def test_curves_of_a_state_that_was_trained_before_begin_at_epoch_0(self):
        run_logs.write(self.folder / "runs/a", [run_logs.start(step=500, epochs=4), run_logs.step(510, 1.0),
                                                *(run_logs.epoch(n, {"loss": 1.0 / n}, step=500 + 50 * n) for n in (1, 2, 3, 4))])
        self.page("runs/a")
        (train,), (step,) = self.lines(curves="s0"), self.lines(curves="s1 noise")
        first, second, at = (float(point.split(",")[0]) for point in (train[0], train[1], step[0]))
        self.assertAlmostEqual((first - at) / (second - first), 0.8, delta=0.01)

    def test_a_run_after_a_long_one_has_all_its_steps(self):
        long = (run_logs.step(n, 1.0) for n in range(1, 20_002))
        self.write(*long, run_logs.start(), *(run_logs.step(10 * n, 1.0 / n) for n in range(1, 8)))
        self.page("runs/a")
        self.assertEqual([len(line) for line in self.lines()], [7])

    def test_long_texts_are_cut_within_no_character(self):
        cut, long = "é" * 1000 + "…", "é" * 5000
        start = run_logs.start(host=long, settings={long: long}, summary={"rows": [{"layer": long}]}, model="M" * 5000)
        run_logs.write(self.folder / "runs/a", [start, run_logs.epoch(1, {long: 1.0}), run_logs.text(1, long), run_logs.end(1, long)])
        page = self.page("runs/a")
        for tag, count in (("dt", 2), ("dd", 2), ("th", 1), ("td", 1)):
            self.assertEqual(page.of(tag).count(cut), count, tag)
        self.assertEqual(page.of("span"), ["ended: " + cut])
        self.assertIn("M" * 5000, page.of("pre"))
        self.assertFalse([text for _, text in page.texts if long in text])

    def test_a_file_that_is_no_log_is_left_out(self):
        (self.folder / "notes.txt").write_text("\nnotes\n\n{\"kind\": \"other\"}\n")
        (self.folder / "loop").symlink_to("loop")
        result = self.call("notes.txt", "loop", "runs/a", "-o", "page.html")
        self.assertEqual(result.stdout, "page.html: 1 run\n")
        self.assertIn("left out notes.txt: no log of a training in notes.txt\n", result.stderr)
        self.assertIn("left out loop: loop/log.jsonl cannot be read: Too many levels of symbolic links\n", result.stderr)

    def test_what_a_log_says_is_text_and_no_html(self):
        bad = "<script>alert('x')</script>\" onload=\"y\" & \x1b \u202e"
        start = run_logs.start(model=bad, host=bad, command=bad, optimizer=bad, luxtorch=bad, torch=bad, settings={bad: bad},
                               hyperparameters={bad: bad}, summary={"rows": [{bad: bad, "x": [1]}], "totals": {bad: bad}})
        lines = [start, run_logs.epoch(1, {bad: 1.0}), run_logs.epoch(2, {bad: 2.0}), run_logs.text(1, bad), "{",
                 run_logs.end(1, bad, True)]
        run_logs.write(self.folder / "runs/<b>&", lines)
        run_logs.write(self.folder / "runs/c", [run_logs.start(summary=3, settings=[1], model=7), *lines[1:]])
        page = self.page("runs/<b>&", "runs/c")
        shown = bad.replace("\x1b", "?").replace("\u202e", "?")
        for tag in ("pre", "dt", "dd", "td", "th", "b"):
            self.assertIn(shown, page.of(tag), tag)
        self.assertEqual(page.of("h2")[0], "runs/<b>& ")

    def test_folders_without_a_log_are_named_and_left_out(self):
        (self.folder / "runs/empty").mkdir()
        result = self.call("runs/empty", "runs/a", "-o", "page.html")
        self.assertEqual(result.stderr, "luxtorch: left out runs/empty: no log of a training in runs/empty/log.jsonl\n")
        self.assertEqual(result.stdout, "page.html: 1 run\n")
        self.assertIn("[report] expected a run's folder", self.call("runs/empty", "-o", "none.html", status=1).stderr)
        self.assertFalse((self.folder / "none.html").exists())

    def test_a_page_that_cannot_be_written_is_an_error(self):
        self.assertRegex(self.call("runs/a", "-o", "none/page.html", status=1).stderr, r"^(luxtorch: )?\[report\].*none")


if __name__ == "__main__":
    unittest.main()

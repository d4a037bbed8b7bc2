"""luxtorch watch: frames of logs, as a person at a terminal and a script see them."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import pages
import run_logs

PROGRAM = Path(os.environ["LUXTORCH_BUILD_DIR"]) / "bin/luxtorch"


@unittest.skipUnless(PROGRAM.exists(), "the program luxtorch is not built: it needs CLI11 (libcli11-dev)")
class WatchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, lines, run="runs/a", behind=""):
        run_logs.write(self.folder / run, lines, behind)

    def watch(self, *arguments, status=0, locale="C.UTF-8"):
        environment = {**os.environ, "LC_ALL": locale, "TERM": "xterm"}
        result = subprocess.run([PROGRAM, "watch", *arguments], cwd=self.folder, env=environment, capture_output=True)
        self.assertEqual(result.returncode, status, result.stderr)
        return (result.stdout if status == 0 else result.stderr).decode()

    def facts(self, *runs, width="200"):
        """What stands beside each name, of one run."""
        shown = self.watch(*(runs or ["runs/a"]), "--width", width, "--height", "12")
        names = "epoch|step|time|left|ms/step|loss|validation_loss|resumed|damaged lines|confusion"
        # Of a name that a plot has, too, the first.
        return dict(reversed(re.findall(rf"(?m)(?:^|   )({names}) +(\S+(?: \S+)*)", shown)))

    # ---------------------------------------------------------------------------------------------- frames

    def test_the_frame_in_the_guide_is_what_is_printed(self):
        self.write(run_logs.training())
        self.assertEqual(self.watch("runs/a", "--width", "90", "--height", "28"),
                         pages.block("docs/guides/watch.md", "luxtorch watch", ""))

    def test_a_frame_without_utf_8_is_ascii(self):
        self.write(run_logs.training(epochs=4))
        shown = self.watch("runs/a", "--width", "60", "--height", "26", locale="C")
        self.assertTrue(shown.isascii(), shown)
        self.assertRegex(shown, r"\n\[========  +\] 20 %\n")
        self.assertIn("loss  * train  + validation  o steps\n", shown)

    def test_frames_fit_into_every_size(self):
        self.write(run_logs.training())
        self.write(run_logs.training(epochs=7)[:-1], "runs/a run with a name that is longer than most are")
        for width in (20, 60, 160):
            for height in (2, 12, 30):
                for runs in (["runs/a"], ["runs/a", "runs/a run with a name that is longer than most are"]):
                    lines = self.watch(*runs, "--width", str(width), "--height", str(height)).split("\n")[:-1]
                    self.assertLessEqual(len(lines), height)
                    self.assertLessEqual(max(map(len, lines)), width, lines)

    def test_runs_stand_side_by_side_with_one_curve_each(self):
        self.write(run_logs.training())
        self.write([*run_logs.training(epochs=5)[:-1], run_logs.end(250, "early stopping")], "runs/b")
        shown = self.watch("runs/a", "runs/b", "--width", "100", "--height", "40")
        self.assertRegex(shown, r"^last \(best at\) +● runs/a +▲ runs/b\n")
        self.assertRegex(shown, r"\nstate +ended +ended: early stopping\n")
        self.assertRegex(shown, r"\nepoch +20/20 +5/20\n")
        self.assertRegex(shown, r"\nvalidation_loss +0\.1444 \(0\.1039 at 16\) +")

    def test_colours_are_for_terminals_alone(self):
        self.write(run_logs.training())
        self.assertNotIn("\x1b", self.watch("runs/a"))

    # ------------------------------------------------------------------------------------------------ logs

    def test_a_resume_makes_later_points_void(self):
        lines = run_logs.training(epochs=6)[:-1]
        self.write([*lines, run_logs.start(step=100, epoch=2, time=1.8e9 + 60), run_logs.epoch(3, {"loss": 9.5}, time=1.8e9 + 60.5)])
        facts = self.facts()
        self.assertEqual((facts["epoch"], facts["step"], facts["resumed"]), ("3/20", "150/1_000", "1"))
        self.assertEqual(facts["loss"], "9.5 (best 0.4442 at 2)")
        self.assertEqual(facts["validation_loss"], "0.4842 (best 0.4842 at 2)")
        self.assertEqual(facts["ms/step"], "10")

    def test_an_epoch_that_is_ended_again_counts_once(self):
        first = run_logs.training(epochs=2)[:-1]
        again = [run_logs.start(step=100, epoch=1, time=1.8e9 + 60), run_logs.epoch(2, {"loss": 0.25}, time=1.8e9 + 60.5)]
        self.write([*first, *again])
        facts = self.facts()
        self.assertEqual((facts["epoch"], facts["loss"]), ("2/20", "0.25 (best 0.25 at 2)"))
        self.assertEqual(facts["validation_loss"], "0.5962 (best 0.5962 at 1)")

    def test_a_run_from_the_start_in_the_same_folder_is_a_new_one(self):
        self.write([*run_logs.training(), run_logs.start(time=1.8e9 + 99), run_logs.step(1, 5.0, time=1.8e9 + 100)])
        facts = self.facts()
        self.assertEqual((facts["epoch"], facts["step"], facts["loss"], facts["time"]), ("0/20", "1/1_000", "5", "1.0 s"))
        self.assertNotIn("resumed", facts)

    def test_damaged_lines_are_counted_and_left_out(self):
        bad = ["{", "[1]", "3", '{"kind": 7}', '{"kind": "step"}', '{"kind": "step", "step": -1}',
               '{"kind": "epoch", "epoch": 1.5, "step": 1}', '{"kind": "step", "step": 1, "step": 2}', "[" * 100_000,
               '"\\ud800"', "\x00\x01", '{"kind": "step", "step": 1e999}']
        good = ["", '{"kind": "of a later version", "x": [1, 2]}', '{"kind": "end", "error": "no", "reason": [3], "more": null}']
        self.write([*run_logs.training()[:-1], *bad, *good])
        facts = self.facts()
        self.assertEqual((facts["damaged lines"], facts["epoch"]), (str(len(bad)), "20/20"))

    def test_a_line_without_its_end_is_left_out(self):
        self.write(run_logs.training(epochs=3)[:-1], behind=json.dumps(run_logs.epoch(4, {"loss": 1.0})))
        facts = self.facts()
        self.assertEqual(facts["epoch"], "3/20")
        self.assertNotIn("damaged lines", facts)

    def test_numbers_that_are_none_are_gaps(self):
        self.write([run_logs.start(), *(run_logs.epoch(n, {"loss": x, "confusion": [[1, 2], [3, 4]]}) for n, x in
                                        enumerate((1.0, "NaN", "Infinity", "-Infinity", 0.5, None, True, "x"), 1))])
        facts = self.facts()
        self.assertEqual(facts["loss"], "0.5 (best -inf at 4)")
        self.assertNotIn("confusion", facts)

    def test_a_run_that_diverged_says_nan(self):
        values = [0.5, 0.4, 0.3, 0.25, "NaN", "NaN", "NaN"]
        self.write([run_logs.start(), *(run_logs.epoch(n, {"validation_loss": v, "loss": "NaN"}) for n, v in enumerate(values, 1))])
        self.assertEqual(self.facts()["validation_loss"], "NaN (best 0.25 at 4)")
        self.assertEqual(self.facts()["loss"], "NaN")
        self.write([run_logs.start(), run_logs.step(1, "NaN")])
        self.assertEqual(self.facts()["loss"], "NaN")

    def test_a_last_epoch_without_validation_leaves_the_last_value(self):
        self.write([run_logs.start(), *(run_logs.epoch(n, {"loss": 1.0, **({"validation_loss": 2.0 - n / 10} if n % 3 == 0 else {})})
                                        for n in range(1, 8))])
        self.assertEqual(self.facts()["validation_loss"], "1.4 (best 1.4 at 6)")

    def test_which_direction_is_better_follows_from_the_name(self):
        more = ["Accuracy", "auroc", "roc_auc", "ROC", "r2", "validation_R2", "specificity", "sensitivity", "mAP", "map50", "psnr",
                "ssim", "recall", "precision", "macro_f1", "top5", "top_5", "score"]
        less = ["dice_loss", "f1_loss", "top_5_error", "perplexity", "mape", "layer2", "stop_time", "process_time", "mse"]
        self.write([run_logs.start(), *(run_logs.epoch(n, dict.fromkeys(more + less, v)) for n, v in enumerate((2.0, 3.0, 1.0), 1))])
        shown = self.watch("runs/a", "--width", "60", "--height", "60")
        for name in more:
            self.assertRegex(shown, rf"(?m)(^|   ){name} +1 \(best 3 at 2\)")
        for name in less:
            self.assertRegex(shown, rf"(?m)(^|   ){name} +1 \(best 1 at 3\)")

    def test_a_state_that_was_trained_before_begins_at_no_progress(self):
        lines = [run_logs.start(step=500, epochs=4), run_logs.epoch(1, {"loss": 1.0}, step=550)]
        self.write(lines)
        facts = self.facts()
        self.assertEqual((facts["epoch"], facts["step"], facts["left"]), ("1/4", "550/700", "1.5 s"))
        shown = self.watch("runs/a", "--width", "60", "--height", "30")
        self.assertIn(" 25 %\n", shown)
        # Resumed in its first epoch, and later.
        self.write([*lines[:1], run_logs.start(step=520, epochs=4), lines[1], run_logs.start(step=560, epoch=1, epochs=4)])
        facts = self.facts()
        self.assertEqual((facts["step"], facts["resumed"]), ("560/700", "2"))
        # Another run of a trained state, in the folder of one that is done.
        self.write([*run_logs.training(), run_logs.start(step=1000, epochs=4)])
        facts = self.facts()
        self.assertEqual((facts["epoch"], facts["step"]), ("0/4", "1_000/1_200"))
        self.assertNotIn("resumed", facts)

    def test_the_time_that_is_left_has_validation_in_it(self):
        # 50 steps of 10 ms, and 1.5 s of validation.
        lines = [run_logs.start(), *(run_logs.epoch(n, {"loss": 1.0}, time=1.8e9 + 2 * n) for n in (1, 2)),
                 run_logs.step(120, 1.0, time=1.8e9 + 4.5)]
        self.write(lines)
        self.assertEqual(self.facts()["left"], "35.5 s")
        # Of a session that began within an epoch the first one is no whole one.
        resumed = [*lines[:3], run_logs.start(step=120, epoch=2, time=1.8e9 + 100), run_logs.epoch(3, {"loss": 1.0}, time=1.8e9 + 101)]
        self.write([*resumed, run_logs.epoch(4, {"loss": 1.0}, time=1.8e9 + 103)])
        self.assertEqual(self.facts()["left"], "32.0 s")

    def test_the_end_says_how_many_steps_there_were(self):
        self.write([run_logs.start(), run_logs.step(10, 1.0), run_logs.end(37)])
        self.assertEqual(self.facts()["step"], "37/1_000")

    def test_marks_on_one_character_are_few(self):
        mark = "\u0301"
        self.write([run_logs.start(), run_logs.text(2, "y" + mark * 900 + "z")])
        self.assertIn("y" + mark * 4 + "z\n", self.watch("runs/a"))

    def test_validation_of_every_third_epoch_is_a_line(self):
        values = [{"accuracy": 0.1, **({"validation_accuracy": n / 100} if n % 3 == 0 else {})} for n in range(1, 21)]
        self.write([run_logs.start(), *(run_logs.epoch(n, v) for n, v in enumerate(values, 1))])
        shown = self.watch("runs/a", "--width", "36", "--height", "30", locale="C")
        plot = shown.partition("accuracy  * train")[2].partition("epoch\n")[0]
        # Six points that are joined take more characters than six.
        self.assertGreater(plot.count("+"), 12, shown)

    def test_a_log_that_cannot_be_read_says_why(self):
        (self.folder / "runs/loop").mkdir(parents=True)
        (self.folder / "runs/loop/log.jsonl").symlink_to("log.jsonl")
        self.assertRegex(self.watch("runs/loop"), "^runs/loop   the log cannot be read: Too many levels of symbolic links\n")

    def test_a_log_cut_off_at_every_byte_is_read(self):
        self.write([run_logs.start(), run_logs.step(1, 1.0), run_logs.epoch(1, {"loss": 1.0}), run_logs.text(1, "é"), run_logs.end(1)])
        data = (self.folder / "runs/a/log.jsonl").read_bytes()
        runs = []
        for size in range(len(data)):
            runs.append(f"{size}.jsonl")
            (self.folder / runs[-1]).write_bytes(data[:size])
        self.assertRegex(self.watch(*runs, "--width", "40", "--height", "30"), r"\n\(and \d+ more: widen the terminal\)\n")

    def test_texts_cannot_command_a_terminal(self):
        self.write([run_logs.start(host="\x1b[2J"), run_logs.epoch(1, {"lo\x1b[2Jss\n": 1.0}), run_logs.text(1, "a\x1b]0;b\x07\u202ec\x9b"),
                    run_logs.end(1, "\x1b[31mred")], "runs/\x1bx")
        shown = self.watch("runs/\x1bx")
        self.assertRegex(shown, r"^runs/\?x   ended: \?\[31mred\n")
        self.assertIn("a?]0;b??c?", shown)
        self.assertNotIn("\x1b", shown)

    def test_a_folder_without_a_log_waits_and_no_folder_is_an_error(self):
        (self.folder / "runs/new").mkdir(parents=True)
        self.assertRegex(self.watch("runs/new"), "^runs/new   no log yet\n")
        self.assertEqual(self.watch("runs/none", status=1),
                         "luxtorch: [watch] expected a run's folder, with the log.jsonl that lux::JsonLines writes, got runs/none, "
                         "which does not exist\n")
        self.watch(status=2)


if __name__ == "__main__":
    unittest.main()

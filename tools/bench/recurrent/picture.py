"""The ratios as an SVG picture: bars to the right of the line are slower than luxtorch, to the left faster.

    text = draw({"about": [...], "tasks": {...}})       as recurrent.py's --json has them

All lengths are logarithms, so twice as long and half as long are equally far from the line.
"""

import math

from competitors import OUR_LOOP, OURS, words
from grid import KINDS, WHATS, geometric_mean
from svg import INK, PALE, document, line, text

WIDTH, LEFT, RIGHT = 920, 310, 60
ROW, BAR = 22, 13
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
COLOURS = {"libtorch": "#7d6bb5", "pytorch": "#d4612a", "compiled": "#c29a1f", "jax": "#2f78c4", "luxtorch": "#3a9a5b"}
TITLES = {
    "spiral": "Spiral classifier, a training step",
    "char": "Two layers over text, a training step",
    "grid": "Grid against PyTorch’s modules: a dot a cell, the bar their geometric mean",
    "first": "From a process’s start to its first training step",
    "memory": "Peak memory, a sequence of 10,000 steps",
}


def rows_of(found):
    """[(title, [row])], a row being {label, colour, ratio} with low and high, or with the dots of many."""
    tasks = found["tasks"]
    panels = []
    for task in ("spiral", "char"):
        if task in tasks:
            panels += step_panels(tasks[task], TITLES[task])
    if "grid" in tasks:
        panels.append((TITLES["grid"], grid_rows(tasks["grid"]["cells"])))
    for task in ("first", "memory"):
        if task in tasks:
            rows = [row(name, one["ratio"]) for name, one in tasks[task]["rows"].items() if name != OURS]
            panels.append((TITLES[task], rows))
    return [(title, rows) for title, rows in panels if rows]


def row(name, ratio, low=None, high=None, cell="lstm"):
    return {"label": words(name, cell), "colour": COLOURS[name.split("_")[0]], "ratio": ratio, "low": low, "high": high}


def step_panels(task, title):
    cell = task["shape"]["cell"]

    def rows(source, wanted):
        return [row(name, c["ratio"], c["ratio_low"], c["ratio_high"], cell)
                for name, c in task[source].items() if wanted(name)]

    def is_loop(name):
        return name in (OUR_LOOP, "luxtorch_compact") or name.endswith("cells")

    # nn.LSTM stands beside the loops too: our loop is to be no slower.
    sequences = rows("rows", lambda name: name != OURS and not is_loop(name))
    loops = rows("rows_by_loop", lambda name: name != OUR_LOOP and (is_loop(name) or name == "pytorch_module"))
    return [(f"{title}: luxtorch’s Recurrence = 1", sequences), (f"{title}: luxtorch’s loop over a cell = 1", loops)]


def grid_rows(cells):
    found = []
    for kind in KINDS:
        for what in WHATS:
            ratios = [c["ratio"] for c in cells if (c["kind"], c["what"]) == (kind, what)]
            if ratios:
                words_of = "forward" if what == "forward" else "training step"
                found.append({"label": f"nn.{kind.upper()}, {words_of}", "colour": COLOURS["pytorch"],
                              "ratio": geometric_mean(ratios), "low": None, "high": None, "dots": ratios})
    return found


def draw(found):
    panels = rows_of(found)
    numbers = [n for _, rows in panels for r in rows for n in (r["ratio"], r["low"], r["high"], *r.get("dots", ())) if n]
    low, high = min(numbers + [1]) / 1.15, max(numbers + [2]) * 1.15
    scale = (WIDTH - LEFT - RIGHT) / math.log(high / low)

    def at(ratio):
        return LEFT + scale * math.log(ratio / low)

    parts, y = [], 58
    for title, rows in panels:
        parts.append(text(LEFT, y + 14, title, weight="bold"))
        y += 24
        bottom = y + ROW * len(rows)
        parts += [line(at(t), y, at(t), bottom, PALE) for t in TICKS if low <= t <= high]
        for one in rows:
            parts += draw_row(one, y, at)
            y += ROW
        parts.append(line(at(1), bottom - ROW * len(rows), at(1), bottom, INK, 1.5))
        parts += [text(at(t), bottom + 14, f"{t:g}", "middle", 11) for t in TICKS if low <= t <= high]
        y += 36
    head = [text(16, 26, "How many times as long as luxtorch, or as much memory", size=17, weight="bold"),
            text(16, 45, "; ".join(found.get("about", [])[:1]), size=11)]
    return document(WIDTH, y, head + parts)


def draw_row(one, y, at):
    middle, x = y + ROW / 2, sorted((at(1), at(one["ratio"])))
    parts = [text(LEFT - 12, middle + 4, one["label"], "end"),
             f'<rect x="{x[0]:.1f}" y="{middle - BAR / 2:.1f}" width="{x[1] - x[0]:.1f}" height="{BAR}" '
             f'fill="{one["colour"]}" fill-opacity="{0.35 if "dots" in one else 1}"/>']
    end = max(at(one["ratio"]), at(1))
    if one["low"]:
        parts.append(line(at(one["low"]), middle, at(one["high"]), middle, INK))
        end = max(end, at(one["high"]))
    for dot in one.get("dots", ()):
        parts.append(f'<circle cx="{at(dot):.1f}" cy="{middle:.1f}" r="2.5" fill="{one["colour"]}" fill-opacity="0.7"/>')
        end = max(end, at(dot))
    return parts + [text(end + 6, middle + 4, f"{one['ratio']:.2f}", size=12)]

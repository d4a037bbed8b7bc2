"""The predicted steps as an SVG picture: a panel for each model, a curve for each network.

    text = draw({"about": "...", "models": {...}})       as distributed_bench.py's --json has them

Both axes are logarithms. A curve is a ring's; where a tree is faster, a dashed curve shows it.
"""

import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 920, 80, 200
PANEL, GAP, TOP = 280, 80, 60
COLOURS = ("#3a9a5b", "#d4612a", "#2f78c4", "#7d6bb5", "#c29a1f")
INK, PALE = "#24292f", "#d0d7de"


def milliseconds(seconds):
    ms = 1e3 * seconds
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1e3:g} s"


def draw(found):
    parts, y = [], TOP
    for name, model in found["models"].items():
        parts += panel(f"{name}: {model['parameters']:,} parameters, a step by the number of processes", model, y)
        y += PANEL + GAP
    head = [text(16, 26, "Predicted training steps, the work of each process staying the same", size=17, weight="bold"),
            text(16, 45, f"{found['about']}; solid: by a ring, dashed: by a tree, where it is faster", size=11)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        'font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{WIDTH}" height="{y}" fill="#ffffff"/>', *head, *parts, "</svg>", ""])


def panel(title, model, top):
    compute, predicted = model["compute"], model["predicted"]
    processes = [row["processes"] for row in next(iter(predicted.values()))]
    every = [compute + row["ring"] for rows in predicted.values() for row in rows]
    low, high = compute / 2, max(every) * 1.5
    bottom = top + PANEL

    def across(p):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log2(p) / math.log2(processes[-1])

    def up(seconds):
        return bottom - (PANEL - 24) * math.log(seconds / low) / math.log(high / low)

    parts = [text(LEFT, top + 12, title, weight="bold")]
    for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1):
        parts += [line(LEFT, up(10.0**power), WIDTH - RIGHT, up(10.0**power), PALE),
                  text(LEFT - 8, up(10.0**power) + 4, milliseconds(10.0**power), "end", 11)]
    for p in (1, *processes):
        parts += [line(across(p), top + 24, across(p), bottom, PALE), text(across(p), bottom + 16, f"{p}", "middle", 11)]
    parts += [line(LEFT, up(compute), WIDTH - RIGHT, up(compute), INK),
              text(WIDTH - RIGHT + 8, up(compute) + 4, "one process", size=11)]
    ends = []
    for colour, (network, rows) in zip(COLOURS, predicted.items()):
        ring = [(across(r["processes"]), up(compute + r["ring"])) for r in rows]
        tree = [(across(r["processes"]), up(compute + r["tree"])) for r in rows]
        parts.append(curve(ring, colour))
        if any(t[1] > r[1] for t, r in zip(tree, ring)):
            parts.append(curve(tree, colour, "5 4"))
        ends.append((ring[-1][1], network, colour))
    below = top
    for y, network, colour in sorted(ends):  # labels that would overlap move down
        below = max(y + 4, below + 14)
        parts.append(text(WIDTH - RIGHT + 8, below, network, size=11, colour=colour))
    return parts


def curve(points, colour, dashes=""):
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"{style}/>'


def text(x, y, words, anchor="start", size=13, weight="normal", colour=INK):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
            f'fill="{colour}">{escape(words)}</text>')


def line(x1, y1, x2, y2, colour, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'

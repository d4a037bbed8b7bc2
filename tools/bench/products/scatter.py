"""The shares of the limit as an SVG picture: a panel for each number of threads and each product, a dot for each
shape and column, from left to right by the product's operations.

    text = draw(found, {"forward": "x w'", ...})       found as products.py's --json has it
"""

import math

from svg import INK, PALE, document, line, text

PANEL, HEIGHT, LEFT, TOP, GAP = 300, 200, 56, 92, 52
COLOURS = ("#d4612a", "#2f78c4", "#3a9a5b", "#7d6bb5", "#c29a1f")


def operations(row):
    return 2 * row["m"] * row["k"] * row["n"]


def draw(found, ways):
    runs = [run for run in found["runs"] if run["limit_gflops"]]
    columns = list(dict.fromkeys(name for run in runs for name in run["columns"]))
    colours = dict(zip(columns, COLOURS))
    counts = [operations(row) for run in runs for row in run["rows"]]
    low, high = (min(counts) / 1.5, max(counts) * 1.5) if counts else (1, 10)

    parts = [text(16, 26, "Share of the limit of a Dense layer’s products", size=17, weight="bold"),
             text(16, 45, found["about"], size=11)]
    x = 16
    for name in columns:
        parts += [dot(x + 4, 62, colours[name]), text(x + 14, 66, name, size=12)]
        x += 40 + 7 * len(name)
    y = TOP
    for run in runs:
        for place, (way, words) in enumerate(ways.items()):
            rows = [row for row in run["rows"] if row["way"] == way]
            left = LEFT + place * (PANEL + GAP)
            threads = f"{run['threads']} thread" + "s" * (run["threads"] > 1)
            title = f"{words}, {threads}, limit {run['limit_gflops']:.0f} GFLOP/s, {run['vectors']}"
            parts += panel(left, y, title, rows, colours, low, high)
        y += HEIGHT + 74
    width = LEFT + len(ways) * (PANEL + GAP)
    return document(width, y, parts)


def panel(left, top, title, rows, colours, low, high):
    def across(count):
        return left + PANEL * math.log(count / low) / math.log(high / low)

    def up(share):
        return top + HEIGHT * (1 - share)

    parts = [text(left, top - 10, title, weight="bold", size=12)]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts += [line(left, up(share), left + PANEL, up(share), INK if share in (0, 1) else PALE),
                  text(left - 6, up(share) + 4, f"{share:.0%}", "end", 11)]
    for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1):
        parts += [line(across(10**power), top, across(10**power), top + HEIGHT, PALE),
                  text(across(10**power), top + HEIGHT + 15, f"1e{power}", "middle", 11)]
    parts.append(text(left + PANEL / 2, top + HEIGHT + 30, "operations", "middle", 11))
    for row in rows:
        parts += [dot(across(operations(row)), up(share), colours[name]) for name, share in row["share"].items()]
    return parts


def dot(x, y, colour):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}" fill-opacity="0.7"/>'

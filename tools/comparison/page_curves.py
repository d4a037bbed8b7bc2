"""The loss curves of one case: both on top of each other, and below them the difference by step."""

import math

import page_rows as rows
from page_html import tag

WIDTH, LEFT, RIGHT = 380, 46.0, 367.0
LOSS = (12.0, 132.0)  # top and bottom of the upper drawing
DIFFERENCE = (156.0, 246.0)
HEIGHT = 276


def shown(case):
    """(dtype, its values) of the curves to draw, float64 before others; None without."""
    for dtype in rows.dtypes([case]):
        values = rows.compared(case)[dtype]
        curves = values.get("curves") or {}
        if len(curves.get(rows.BASE) or ()) > 1 and len(curves.get(rows.REFERENCE) or ()) > 1:
            return dtype, values
    return None


def relative(a, b, scale):
    return [abs(x - y) / scale for x, y in zip(a, b)]


def largest(curve):
    """The largest loss, which differences are measured by."""
    return max((abs(x) for x in curve if math.isfinite(x)), default=0) or 1.0


def figure(case):
    """A figure with a caption in words; None when the case has no curves."""
    found = shown(case)
    if not found:
        return None
    dtype, values = found
    return tag(
        "figure",
        tag("h4", rows.label(case), class_="wrong" if case.get("wrong") else None),
        drawing(values, line_of(dtype, values), f"{rows.label(case)}: losses and their difference by step"),
        tag("figcaption", caption(dtype, values)),
    )


def line_of(dtype, values):
    """The limit that is drawn: the tolerance of all steps, else what counts as having left the other curve."""
    every = (values.get("losses") or {}).get("all") or {}
    return every.get("tolerance") or every.get("limit") or (1e-8 if dtype == "float64" else None)


def caption(dtype, values):
    losses = values.get("losses") or {}
    every, own = losses.get("all"), losses.get("own")
    limit = rows.limit((every or {}).get("limit") or 1e-8)
    parts = [f"{dtype}."]
    if every:
        parts.append(
            f"Largest difference in {every['steps']} steps: {rows.scientific(every['difference'])}{left(every, limit)}."
        )
    if own:
        parts.append(
            f"{rows.REFERENCE} by itself ({own['words']}): {rows.scientific(own['difference'])}{left(own, limit)}."
        )
    return " ".join(parts)


def left(found, limit):
    return f", beyond {limit} from step {found['leaves']} on" if found.get("leaves") is not None else ""


def drawing(values, line, words):
    curves = values["curves"]
    ours, theirs = curves[rows.BASE], curves[rows.REFERENCE]
    scale = largest(theirs)
    differences = [("ours", relative(ours, theirs, scale))]
    for name in curves:
        if name not in (rows.BASE, rows.REFERENCE):
            differences.append(("door" if name == rows.DOOR else "own", relative(curves[name], theirs, scale)))
    count = max(len(ours), len(theirs))

    def x(step):
        return LEFT + (step - 1) / (count - 1) * (RIGHT - LEFT)

    parts = [
        tag("text", f"{step}", x=x(step), y=DIFFERENCE[1] + 14, text_anchor="middle", class_="tick")
        for step in step_ticks(count)
    ]
    parts.append(tag("text", "step", x=RIGHT, y=HEIGHT - 4, text_anchor="end", class_="tick"))
    parts += losses_drawing(ours, theirs, x)
    parts += differences_drawing(differences, line, x)
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=words, class_="curves")


def losses_drawing(ours, theirs, x):
    finite = [v for v in ours + theirs if math.isfinite(v)] or [0.0]
    ticks = round_ticks(min(finite), max(finite))
    low, high = min(ticks[0], min(finite)), max(ticks[-1], max(finite))

    def y(loss):
        return LOSS[1] - (loss - low) / (high - low) * (LOSS[1] - LOSS[0])

    yield tag("text", "loss", x=LEFT, y=LOSS[0] - 4, class_="tick")
    for tick in ticks:
        yield from gridline(y(tick), f"{tick:g}")
    yield polyline(ours, x, y, "luxtorch")
    yield polyline(theirs, x, y, "pytorch")


def differences_drawing(differences, line, x):
    drawn = [v for _, curve in differences for v in curve if math.isfinite(v) and v > 0] + ([line] if line else [])
    low = max(math.floor(math.log10(min(drawn, default=1e-16))), -17)
    high = max(math.ceil(math.log10(max(drawn, default=1e-15)) + 0.3), low + 2)
    every = max(1, math.ceil((high - low) / 4))

    def y(value):
        power = math.log10(value) if value > 0 else low
        return DIFFERENCE[1] - (max(power, low) - low) / (high - low) * (DIFFERENCE[1] - DIFFERENCE[0])

    yield tag("text", "|difference| / largest loss", x=LEFT, y=DIFFERENCE[0] - 5, class_="tick")
    for power in range(low, high + 1, every):
        yield from gridline(y(10.0**power), f"1e{power}")
    if line:
        yield tag("line", x1=LEFT, x2=RIGHT, y1=y(line), y2=y(line), class_="limit")
    for name, curve in reversed(differences):
        yield polyline(curve, x, y, f"d-{name}")


def gridline(y, words):
    yield tag("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid")
    yield tag("text", words, x=LEFT - 5, y=y + 3.3, text_anchor="end", class_="tick")


def polyline(curve, x, y, name):
    """A line through the finite values; it is broken where one is not."""
    path, pen = [], "M"
    for step, value in enumerate(curve, 1):
        if not math.isfinite(value):
            pen = "M"
            continue
        path.append(f"{pen}{x(step):.1f} {y(value):.1f}")
        pen = "L"
    return tag("path", d="".join(path), class_=name)


def step_ticks(count):
    """1, and about four round steps up to the last."""
    every = next(size * 10**power for power in range(9) for size in (1, 2, 5) if size * 10**power * 5 >= count)
    return [1, *range(every, count + 1, every)] if every > 1 else list(range(1, count + 1))


def round_ticks(low, high):
    """Three to six round numbers around low and high."""
    if high - low < 1e-6 * max(abs(low), abs(high), 1e-9):
        low, high = low - 0.5 * max(abs(low), 1e-9), high + 0.5 * max(abs(high), 1e-9)
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    return [
        float(f"{i * step:.12g}") for i in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)
    ]


def legend():
    keys = {
        "luxtorch": "luxtorch",
        "pytorch": "PyTorch",
        "ours": "luxtorch − PyTorch",
        "door": "luxtorch.nn in Python − PyTorch",
        "own": "loops over cells − PyTorch, both in PyTorch",
        "limit": "limit",
    }
    parts = [
        part for name, words in keys.items() for part in (tag("i", "", class_=f"key line-{name}"), f" {words}   ")
    ]
    return tag("p", *parts, class_="legend")

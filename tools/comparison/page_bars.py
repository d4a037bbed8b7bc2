"""The bar chart of ratios: one SVG for each group of cases, all on the same logarithmic axis."""

import math

import page_rows as rows
from page_html import tag

WIDTH, TOP, BOTTOM = 480, 24.0, 6.0
BAR, PITCH, GAP = 7.0, 9.0, 9.0
MOST = 14  # cases in one SVG: a printed page holds it
LETTER = 6.2  # the width of one in a label


class Axis:
    """Places ratios between left and right; 1 is always on it."""

    def __init__(self, low, high, left, right):
        self.low, self.high = math.log10(min(low, 1) / 1.15), math.log10(max(high, 1) * 1.15)
        self.left, self.right = left, right

    def __call__(self, ratio):
        return self.left + (math.log10(ratio) - self.low) / (self.high - self.low) * (self.right - self.left)

    def ticks(self):
        for steps in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 5), (1, 3), (1,)):
            found = [
                step * 10.0**power
                for power in range(math.floor(self.low), math.ceil(self.high) + 1)
                for step in steps
                if self.low <= math.log10(step * 10.0**power) <= self.high
            ]
            if all(self(b) - self(a) > 26 for a, b in zip(found, found[1:])):
                return found
        return found


def axis(cases, who, what):
    """The axis that all charts of `what` share; None when nobody has times."""
    found = [time for case in cases for name in who if (time := rows.timing(case, name, what))]
    if not found:
        return None
    left = 14 + LETTER * min(30, max(len(short(case)) for case in cases))
    return Axis(
        min(time["ratio_low"] for time in found), max(time["ratio_high"] for time in found), left + 28, WIDTH - 34.0
    )


def short(case):
    """Its name without the group, which is the chart's title."""
    return rows.label(case).partition("/")[2] or rows.label(case)


def bars(cases, who, what, scale):
    """SVGs for one group's cases; none when none of them has times of `what`."""
    shown = [case for case in cases if any(rows.timing(case, name, what) for name in who)]
    return [chart(shown[i : i + MOST], who, what, scale) for i in range(0, len(shown), MOST)]


def chart(cases, who, what, scale):
    parts, y = [], TOP
    for case in cases:
        own = [(i, name, time) for i, name in enumerate(who) if (time := rows.timing(case, name, what))]
        height = PITCH * len(own)
        name = short(case)
        name = name if len(name) <= 30 else f"{name[:29]}…"
        parts.append(
            tag(
                "text",
                name,
                tag("title", rows.label(case)),
                x=scale.left - 34,
                y=y + height / 2 + 3.5,
                text_anchor="end",
                class_="wrong" if case.get("wrong") else None,
            )
        )
        for i, competitor, time in own:
            parts += bar(case, i, competitor, time, scale, y)
            y += PITCH
        y += GAP
    bottom = y - GAP + BOTTOM
    grid = []
    for tick in scale.ticks():
        x = scale(tick)
        grid.append(tag("line", x1=x, x2=x, y1=TOP - 6, y2=bottom, class_="one" if tick == 1 else "grid"))
        grid.append(tag("text", f"{tick:g}", x=x, y=TOP - 10, text_anchor="middle", class_="tick"))
    return tag(
        "svg",
        *grid,
        *parts,
        viewBox=f"0 0 {WIDTH} {bottom:.0f}",
        role="img",
        class_="bars",
        aria_label=f"{rows.group(cases[0])}, {what}: times as long as luxtorch",
    )


def bar(case, i, competitor, time, scale, y):
    one, end, low, high = (scale(ratio) for ratio in (1, time["ratio"], time["ratio_low"], time["ratio_high"]))
    told = (
        f"{rows.label(case)}, {competitor}: {rows.times(time['ratio'])} times as long as luxtorch "
        f"({rows.times(time['ratio_low'])} to {rows.times(time['ratio_high'])}), "
        f"{rows.three_digits(time['minimum_ms'])} ms"
    )
    yield tag(
        "rect",
        tag("title", told),
        x=min(one, end),
        y=y + 1,
        width=max(abs(end - one), 0.6),
        height=BAR,
        class_=f"c{i % 6}",
    )
    middle = y + 1 + BAR / 2
    yield tag(
        "path",
        d=f"M{low:.2f} {middle:.2f}H{high:.2f}M{low:.2f} {middle - 2:.2f}v4M{high:.2f} {middle - 2:.2f}v4",
        class_="whisker",
    )
    faster = time["ratio"] >= 1
    yield tag(
        "text",
        rows.times(time["ratio"]),
        x=(max(end, high) + 4) if faster else (min(end, low) - 4),
        y=middle + 2.8,
        text_anchor=None if faster else "end",
        class_="value",
    )


def legend(who):
    """Which colour is whose."""
    return tag(
        "p",
        *[part for i, name in enumerate(who) for part in (tag("i", "", class_=f"key b{i % 6}"), f" {name}   ")],
        class_="legend",
    )

"""The comparison at the terminal: values, times, what fails, in plain text.

    print(table.text(found))                      # found as in page.py

At most 110 columns; a name that is too long for its column has a line of its own.
"""

import page_rows as rows

WIDTH = 110
NONE = "-"


def text(found):
    cases = rows.ordered(found["cases"])
    who = rows.competitors(cases)
    parts = [
        values(cases),
        drifts(cases),
        times(cases, who),
        starts(cases, who),
        slower(cases),
        missing(cases),
        failures(cases),
        "\n".join(wrap(" ".join(rows.headline(cases)))),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def values(cases):
    """Largest differences; one that is over its tolerance has an exclamation mark."""
    columns = rows.columns(cases)
    if not columns:
        return ""
    heads = [("", "case", "")]
    for (dtype, kind), limit in columns.items():
        number = rows.steps(cases, kind) if kind in ("first", "all") else None
        words = f"{number} losses" if number else rows.KINDS[kind]
        heads.append((dtype, words, f"<= {rows.limit(limit)}"))
    lines = []
    for case in cases:
        lines.append((name(case), value_cells(rows.differences(case), columns)))
        door = rows.differences(case, door=True)
        if door:
            lines.append((f"  {rows.DOOR}", value_cells(door, columns)))
    return grid(heads, lines)


def drifts(cases):
    """From which step on float64 losses are apart, where that is no error, and PyTorch's own two ways of computing them."""
    out = []
    for case in cases:
        losses = rows.compared(case).get("float64", {}).get("losses") or {}
        curve, own = losses.get("all") or {}, losses.get("own")
        if curve.get("tolerance") is None and (curve.get("leaves") or (own or {}).get("leaves")):
            theirs = f"; {rows.REFERENCE}'s own ways ({own['words']}) {leaves(own)}" if own else ""
            limit = rows.limit(curve.get("limit") or 1e-8)
            out += wrap(f"{rows.label(case)}: the losses of luxtorch and {rows.REFERENCE} are {limit} apart, which is no error, "
                        f"{leaves(curve)}{theirs}.")
    return "\n".join(out)


def leaves(losses):
    return f"from step {losses['leaves']} on" if losses.get("leaves") else "at no step"


def value_cells(found, columns):
    marks = {key: "!" if own.over else " " for key, own in found.items()}
    return [f"{rows.scientific(found[key].value)}{marks[key]}" if key in found else f"{NONE} " for key in columns]


def times(cases, who):
    """luxtorch's milliseconds, and how many times as long the others take."""
    columns = [
        (what, competitor)
        for what in ("forward", "step")
        for competitor in (rows.BASE, *who)
        if any(rows.timing(case, competitor, what) for case in cases)
    ]
    if not columns:
        return ""
    heads = [("", "", "case")]
    for what, competitor in columns:
        heads.append((what, *halves(competitor)) if competitor != rows.BASE else (what, competitor, "ms"))
    lines = []
    for case in cases:
        cells = []
        for what, competitor in columns:
            time = rows.timing(case, competitor, what)
            cells.append(
                NONE
                if not time
                else (
                    rows.three_digits(time["minimum_ms"])
                    if competitor == rows.BASE
                    else f"{rows.times(time['ratio'])}x"
                )
            )
        if any(part != NONE for part in cells):
            lines.append((name(case), cells))
    return grid(heads, lines)


def starts(cases, who):
    """Seconds to the end of the first training step, and the most memory; of the models, where there are any."""
    shown = rows.groups(cases).get("models") or cases
    columns = [
        (key, competitor)
        for key in ("first_step_s", "peak_mb")
        for competitor in (rows.BASE, *who)
        if any(own(case, competitor, key) for case in shown)
    ]
    if not columns:
        return ""
    words = {"first_step_s": "first step, s", "peak_mb": "most memory, MB"}
    heads = [("", "", "case"), *((words[key], *halves(competitor)) for key, competitor in columns)]
    lines = []
    for case in shown:
        cells = [own(case, competitor, key) for key, competitor in columns]
        if any(cells):
            numbers = [f"{cell:.0f}" if cell >= 10 else f"{cell:.1f}" if cell else NONE for cell in (c or 0 for c in cells)]
            lines.append((name(case), numbers))
    return grid(heads, lines)


def own(case, competitor, key):
    return (((case.get("times") or {}).get("rows") or {}).get(competitor) or {}).get(key)


def missing(cases):
    out = wrap(rows.unsure(cases)) if rows.unsure(cases) else []
    for (competitor, reason), labels in rows.skipped(cases).items():
        out += wrap(f"Not measured: {competitor}: {reason.rstrip('.')} ({rows.names(labels, 4)}).")
    return "\n".join(out)


def name(case):
    return f"{'! ' if case.get('wrong') else ''}{rows.label(case)}"


def halves(words):
    """In two lines, the shorter the better: a column is as wide as the longer one."""
    parts = words.replace(".", ". ").split(" ")
    splits = [
        ("".join(f"{part}" if part.endswith(".") else f"{part} " for part in parts[:i]).strip(), " ".join(parts[i:]))
        for i in range(len(parts))
    ]
    return min(splits, key=lambda pair: max(map(len, pair)))


def grid(heads, lines):
    """heads: three lines of head for each column; lines: (name, cells). Equal heads above neighbours are said once."""
    widths = [max(*map(len, head[1:]), *(len(cells[i]) for _, cells in lines), 4) for i, head in enumerate(heads[1:])]
    first = min(max(len(own) for own, _ in lines), WIDTH - sum(widths) - 2 * len(widths))
    first = max(first, 4)
    out = [" " * first + spans([head[0] for head in heads[1:]], widths)]
    for row in (1, 2):
        out.append(
            f"{heads[0][row]:<{first}}" + "".join(f"  {head[row]:>{width}}" for head, width in zip(heads[1:], widths))
        )
    for own, cells in lines:
        numbers = "".join(f"  {part:>{width}}" for part, width in zip(cells, widths))
        out += [f"{own:<{first}}{numbers}"] if len(own) <= first else [own, " " * first + numbers]
    return "\n".join(line.rstrip() for line in out)


def spans(words, widths):
    """Each run of equal words is written once, over its columns, with a rule."""
    out, i = "", 0
    while i < len(words):
        j = i
        while j < len(words) and words[j] == words[i]:
            j += 1
        width = sum(widths[i:j]) + 2 * (j - i - 1)
        out += f"  {f' {words[i]} ':-^{width}}"
        i = j
    return out


def slower(cases):
    found = []
    for what, words in (("step", "training step"), ("forward", "forward pass")):
        own = rows.summary(cases, rows.REFERENCE, what)
        if own and own.slower:
            listed = ", ".join(f"{case} ({rows.times(ratio)}x)" for case, ratio in own.slower)
            found += wrap(f"Slower than {rows.REFERENCE} in the {words}{rows.scatter(own)}: {listed}.")
    return "\n".join(found)


def failures(cases):
    out = []
    for case in cases:
        for sentence in case.get("wrong") or ():
            out += wrap(f"! {rows.label(case)}: {sentence}")
    return "\n".join(out)


def wrap(sentence):
    """Lines of at most 110 columns; a word that is longer stays whole."""
    lines = [""]
    for word in sentence.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > WIDTH:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines

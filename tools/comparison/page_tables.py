"""The page's tables: competitors in short, every case, first step and memory, every tensor."""

import page_rows as rows
from page_html import join, table, tag

NONE = "–"


def cell(words, *names, **attributes):
    return tag("td", words, class_=" ".join(name for name in names if name) or None, **attributes)


def empty(*names):
    return cell(NONE, "none", *names)


def head(words, *names, **attributes):
    return tag("th", words, class_=" ".join(name for name in names if name) or None, **attributes)


def in_short(cases, who):
    """One row for each competitor: the mean ratio, its range, and where luxtorch is slower."""
    kinds = [
        (what, words)
        for what, words in (("step", "training step"), ("forward", "forward"))
        if any(rows.summary(cases, name, what) for name in who)
    ]
    top = tag("tr", head(""), *[head(words, "span", "start", colspan=4) for _, words in kinds])
    second = tag(
        "tr",
        head("times as long as luxtorch"),
        *[
            head(words, "start" if i == 0 else None)
            for _ in kinds
            for i, words in enumerate(("mean", "from", "to", "luxtorch slower in"))
        ],
    )
    body = []
    for name in who:
        cells = [cell(name)]
        for what, _ in kinds:
            found = rows.summary(cases, name, what)
            cells += (
                [empty("start"), empty(), empty(), empty()]
                if not found
                else [
                    cell(rows.times(found.mean), "start"),
                    cell(rows.times(found.low)),
                    cell(rows.times(found.high)),
                    cell(f"{len(found.slower)} of {found.cases}"),
                ]
            )
        body.append(tag("tr", *cells))
    return table([top, second], [body])


def every_case(cases, who):
    """All rows: differences against tolerances, times, Python PyTorch's ratios. Wrong ones first."""
    columns = rows.columns(cases)
    reference = rows.REFERENCE if rows.REFERENCE in who else next(iter(who), None)
    timed = [what for what in ("forward", "step") if any(rows.timing(case, rows.BASE, what) for case in cases)]
    wrong = [case for case in cases if case.get("wrong")]
    sections = [("These fail", wrong)] if wrong else []
    sections += list(rows.groups(case for case in cases if not case.get("wrong")).items())
    width = 1 + len(columns) + 3 * len(timed)
    body = []
    for title, own in sections:
        body.append([tag("tr", tag("td", title, colspan=width), class_="group")])
        for case in own:
            body[-1] += case_rows(case, columns, timed, reference)
    return table(case_head(cases, columns, timed, reference), body, class_="full")


def case_head(cases, columns, timed, reference):
    dtypes = [dtype for dtype, _ in columns]
    top = [head("")]
    for dtype in dict.fromkeys(dtypes):
        top.append(head(f"largest difference, {dtype}", "span", "start", colspan=dtypes.count(dtype)))
    for what in timed:
        top.append(head("forward, ms" if what == "forward" else "training step, ms", "span", "start", colspan=3))
    second = [head("case")]
    for i, ((dtype, kind), limit) in enumerate(columns.items()):
        number = rows.steps(cases, kind) if kind in ("first", "all") else None
        words = join([f"{number} losses" if number else rows.KINDS[kind], tag("br"), f"≤ {rows.limit(limit)}"])
        second.append(head(words, "start" if dtypes.index(dtype) == i else None))
    for _ in timed:
        second += [head(rows.BASE, "start"), head(reference or NONE), head("ratio")]
    return [tag("tr", *top), tag("tr", *second)]


def case_rows(case, columns, timed, reference):
    """The case's row and, where luxtorch.nn in Python was compared too, its."""
    bad = bool(case.get("wrong"))
    optimiser = case.get("optimiser") or ""
    words = [case.get("words"), "random: only timed" if case.get("random") else None]
    words = "; ".join(word for word in [*words, optimiser if optimiser not in rows.label(case) else None] if word)
    name = tag("span", rows.label(case), class_="wrong" if bad else None)
    cells = [tag("td", name, tag("span", words, class_="words") if words else None)]
    cells += difference_cells(rows.differences(case), columns)
    for what in timed:
        ours, theirs = rows.timing(case, rows.BASE, what), rows.timing(case, reference, what)
        cells += [milliseconds(ours, "start"), milliseconds(theirs), ratio(theirs)]
    yield tag("tr", *cells, class_="bad" if bad else None)
    door = rows.differences(case, door=True)
    if door:
        cells = [cell(rows.DOOR, "indent"), *difference_cells(door, columns)]
        for what in timed:
            time = rows.timing(case, rows.DOOR, what)
            cells += [empty("start"), milliseconds(time), ratio(time)]
        yield tag("tr", *cells, class_="bad" if bad else None)


def difference_cells(found, columns):
    last = None
    for key, usual in columns.items():
        start, last = ("start" if key[0] != last else None), key[0]
        difference = found.get(key)
        if difference is None:
            yield empty(start)
            continue
        own = difference.tolerance
        limit = f" (≤ {rows.limit(own)})" if own not in (None, usual) else ""
        how = "wrong" if difference.over else "none" if own is None else None
        yield cell(rows.scientific(difference.value) + limit, start, how, title=difference.where)


def milliseconds(time, *names):
    return cell(rows.three_digits(time["minimum_ms"]), *names) if time else empty(*names)


def ratio(time, *names):
    if not time:
        return empty(*names)
    return cell(
        rows.times(time["ratio"]),
        *names,
        "slow" if time["ratio"] < 1 else None,
        title=f"{rows.times(time['ratio_low'])} to {rows.times(time['ratio_high'])}",
    )


def starts(cases, who):
    """Seconds to the first step and peak memory, of luxtorch and everybody; None when nothing was measured."""
    measured = [name for name in (rows.BASE, *who) if any(start_of(case, name) != (None, None) for case in cases)]
    if not measured:
        return None
    top = tag(
        "tr",
        head(""),
        head("first step, s", "span", "start", colspan=len(measured)),
        head("peak memory, MB", "span", "start", colspan=len(measured)),
    )
    second = tag(
        "tr",
        head("case"),
        *[head(name, "start" if i == 0 else None) for _ in range(2) for i, name in enumerate(measured)],
    )
    body = []
    for case in cases:
        own = [start_of(case, name) for name in measured]
        if all(pair == (None, None) for pair in own):
            continue
        cells = [cell(rows.label(case))]
        for place, write in ((0, rows.three_digits), (1, lambda value: f"{value:.0f}")):
            for i, pair in enumerate(own):
                start = "start" if i == 0 else None
                cells.append(cell(write(pair[place]), start) if pair[place] is not None else empty(start))
        body.append(tag("tr", *cells))
    return table([top, second], [body], class_="wraps")


def start_of(case, name):
    own = ((case.get("times") or {}).get("rows") or {}).get(name) or {}
    return own.get("first_step_s"), own.get("peak_mb")


def every_tensor(cases):
    """Each output's and gradient's difference."""
    dtypes = rows.dtypes(cases)
    body = []
    for case in cases:
        for door in (False, True):
            compared = rows.compared(case, door)
            name = f"{rows.label(case)}, {rows.DOOR}" if door else rows.label(case)
            for kind, words in (("outputs", ""), ("gradients", "gradient of ")):
                tensors = dict.fromkeys(tensor for own in compared.values() for tensor in own.get(kind) or {})
                for tensor in tensors:
                    cells = [tensor_cell(compared.get(dtype) or {}, kind, tensor) for dtype in dtypes]
                    body.append(tag("tr", cell(name), cell(f"{words}{tensor}", "left"), *cells))
    top = tag("tr", head("case"), head("tensor", "left"), *[head(dtype) for dtype in dtypes])
    return table([top], [body]) if body else None


def tensor_cell(values, kind, tensor):
    value, limit = (values.get(kind) or {}).get(tensor), values.get("tolerance")
    if value is None:
        return empty()
    return cell(rows.scientific(value), "wrong" if limit is not None and not value <= limit else None)

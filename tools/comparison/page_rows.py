"""A comparison's JSON as rows: the largest differences, the ratios, what is said of them, numbers as text.

The page and the terminal's table are made of these, so they cannot tell different things. page.py says what `found` is.
"""

import dataclasses
import math

BASE, REFERENCE, DOOR = "luxtorch", "PyTorch", "luxtorch.nn in Python"
KINDS = {"outputs": "outputs", "gradients": "gradients", "first": "first losses", "all": "all losses"}


def label(case):
    return case.get("label") or case["name"]


def group(case):
    return case["name"].partition("/")[0]


def ordered(cases):
    """Wrong cases first, then by groups; each gets a label, with its optimiser where a name has several."""
    optimisers = {}
    for case in cases:
        optimisers.setdefault(case["name"], set()).add(case.get("optimiser"))

    def labelled(case):
        one_of_several = len(optimisers[case["name"]]) > 1 and case.get("optimiser")
        return f"{case['name']} ({case['optimiser']})" if one_of_several else case["name"]

    found = [{**case, "label": labelled(case)} for case in cases]
    together = [case for own in groups(found).values() for case in own]
    return sorted(together, key=lambda case: not case.get("wrong"))


def groups(cases):
    """{group: its cases}, in the order of their first ones."""
    found = {}
    for case in cases:
        found.setdefault(group(case), []).append(case)
    return found


@dataclasses.dataclass
class Difference:
    value: float
    tolerance: float | None  # None: only told
    where: str  # the tensor's name, or which losses

    @property
    def over(self):
        return self.tolerance is not None and not self.value <= self.tolerance


def worst(by_name):
    """(name, value) of the largest one; what is no number is larger than any."""
    return max(by_name.items(), key=lambda item: math.inf if math.isnan(item[1]) else item[1])


def compared(case, door=False):
    """{dtype: values} that are to be equal, luxtorch's, or luxtorch.nn's in Python; none of a random case."""
    values = {} if case.get("random") else case.get("values") or {}
    return {dtype: own["python"] for dtype, own in values.items() if own.get("python")} if door else values


def dtypes(cases):
    found = {dtype for case in cases for dtype in compared(case)}
    return sorted(found, key=lambda dtype: (dtype != "float64", dtype))


def differences(case, door=False):
    """{(dtype, kind): Difference} of what was compared; kinds as in KINDS."""
    found = {}
    for dtype, values in compared(case, door).items():
        for kind in ("outputs", "gradients"):
            if values.get(kind):
                name, value = worst(values[kind])
                found[dtype, kind] = Difference(value, values.get("tolerance"), name)
        for kind in ("first", "all"):
            losses = (values.get("losses") or {}).get(kind)
            if losses:
                where = f"{losses['steps']} losses"
                found[dtype, kind] = Difference(losses["difference"], losses.get("tolerance"), where)
    return found


def columns(cases):
    """The (dtype, kind) that any case has a tolerance for, in order, each with the one that most have."""
    tolerances = {(dtype, kind): [] for dtype in dtypes(cases) for kind in KINDS}
    for case in cases:
        for key, difference in differences(case).items():
            if difference.tolerance is not None:
                tolerances[key].append(difference.tolerance)
    return {key: max(sorted(set(own)), key=own.count) for key, own in tolerances.items() if own}


def steps(cases, kind):
    """How many losses "first" or "all" are, where all cases agree on it."""
    found = {
        values["losses"][kind]["steps"]
        for case in cases
        for values in compared(case).values()
        if (values.get("losses") or {}).get(kind)
    }
    return found.pop() if len(found) == 1 else None


def timing(case, competitor, what):
    """{"minimum_ms", "ratio", ...} or None. what: "forward" or "step"."""
    rows = (case.get("times") or {}).get("rows") or {}
    return (rows.get(competitor) or {}).get(what)


def competitors(cases):
    """Everybody but luxtorch who has a time, Python PyTorch first."""
    found = dict.fromkeys([REFERENCE])
    for case in cases:
        found.update(dict.fromkeys((case.get("times") or {}).get("rows") or {}))
    return [
        name
        for name in found
        if name != BASE and any(timing(case, name, what) for case in cases for what in ("forward", "step"))
    ]


def skipped(cases):
    """{(competitor, reason): [names of the cases]}"""
    found = {}
    for case in cases:
        for competitor, reason in ((case.get("times") or {}).get("skipped") or {}).items():
            found.setdefault((competitor, reason), []).append(label(case))
    return found


def disturbed(cases):
    """Those of whose steps a competitor's median is more than half as long again as its shortest: something else ran."""
    return [
        label(case)
        for case in cases
        for own in [[timing(case, name, what) for name in (BASE, *competitors([case])) for what in ("forward", "step")]]
        if any(time and time["median_ms"] > 1.5 * time["minimum_ms"] for time in own)
    ]


def unsure(cases):
    """A sentence where the machine was busy, else nothing."""
    found = disturbed(cases)
    if not found:
        return ""
    return (
        f"The machine was busy while {plural(len(found), 'case')} of {len(cases)} {'was' if len(found) == 1 else 'were'} "
        f"timed (half of the steps took more than 1.5 times as long as the shortest): {names(found, 6)}. "
        "Their ratios are less sure."
    )


@dataclasses.dataclass
class Summary:
    """One competitor's ratios over all cases that it has."""

    cases: int
    mean: float  # geometric
    low: float
    high: float
    slower: list  # (label, ratio) where luxtorch is slower, the worst first
    unclear: int  # of these, how many have rounds on both sides of 1


def summary(cases, competitor, what):
    """None when it has no times."""
    rows = [(label(case), timing(case, competitor, what)) for case in cases if timing(case, competitor, what)]
    if not rows:
        return None
    ratios = [time["ratio"] for _, time in rows]
    slower = sorted(((name, time) for name, time in rows if time["ratio"] < 1), key=lambda row: row[1]["ratio"])
    return Summary(
        len(rows),
        math.exp(math.fsum(map(math.log, ratios)) / len(ratios)),
        min(ratios),
        max(ratios),
        [(name, time["ratio"]) for name, time in slower],
        sum(time["ratio_high"] >= 1 for _, time in slower),
    )


def headline(cases):
    """One sentence about the values and, with times, one about Python PyTorch's."""
    wrong = [label(case) for case in cases if case.get("wrong")]
    judged = [case for case in cases if differences(case)]
    random = sum(bool(case.get("random")) for case in cases)
    if wrong:
        good = sum(not case.get("wrong") for case in judged)
        fine = (
            f"; {good} {'gives' if good == 1 else 'give'} {REFERENCE}'s values within the tolerances" if good else ""
        )
        fail = "fails" if len(wrong) == 1 else "fail"
        sentence = f"{len(wrong)} of {plural(len(cases), 'case')} {fail}: {names(wrong, 4)}{fine}"
    elif not judged:
        sentence = "No values were compared"
    else:
        where = f"In all {len(judged)} compared cases " if len(judged) > 1 else ""
        sentence = f"{where}luxtorch gives the values that {REFERENCE} gives, within the tolerances"
    if random:
        sentence += f"; {plural(random, 'case')} {'is' if random == 1 else 'are'} random and can only be timed"
    return [f"{sentence}."] + speed(cases)


def speed(cases):
    for what, words in (("step", "a training step"), ("forward", "a forward pass")):
        found = summary(cases, REFERENCE, what)
        if not found:
            continue
        long, short, mean = (REFERENCE, BASE, found.mean) if found.mean >= 1 else (BASE, REFERENCE, 1 / found.mean)
        sentence = f"{long} takes {times(mean)} times as long as {short} for {words}"
        if found.cases == 1:
            return [f"{sentence}."]
        slower = (
            f"the slower one in {len(found.slower)}{scatter(found)}" if found.slower else "not the slower one in any"
        )
        return [f"{sentence} (geometric mean of {found.cases} cases); luxtorch is {slower}."]
    return []


def scatter(found):
    """Says how many of the slower ones are so only in most of the rounds."""
    return f", in {found.unclear} of them by less than the rounds scatter" if found.unclear else ""


def names(all_of_them, most):
    """Comma-separated; the first `most`, and how many more there are."""
    more = len(all_of_them) - most
    return ", ".join(all_of_them[:most]) + (f" and {more} more" if more > 0 else "")


def plural(number, thing):
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def scientific(value):
    """A difference: 1.1e-16, 0 when there is none."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def limit(value):
    """A tolerance: 1e-10, 2e-5."""
    mantissa, exponent = f"{value:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def times(ratio):
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def three_digits(value):
    """0.0213, 2.54, 127, 1270: milliseconds and seconds."""
    if not math.isfinite(value) or value <= 0:
        return f"{value:.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(float(f'{value:.2e}'))))}f}"

"""The comparison as one HTML file that needs nothing else: no network, no script, pictures in the text.

    page.write("comparison.html", found)

found: {"about": {"date", "command", "processor", "threads", "device", "load", "rounds", "versions": {name: text}},
"cases": [{"name": "group/name", "optimiser", "words", "wrong": [sentence], "random", "recurrent", "values", "times"}]},
where
- values: {dtype: {"outputs": {name: difference}, "gradients": {name: difference}, "tolerance", "losses",
  "curves", "python"}}, with losses: {"first": {"steps", "difference", "tolerance"}, "all": {the same, "leaves",
  "limit"}, "own": {"words", "difference", "leaves"}}, where leaves is the step at which the curves differ by more than
  limit; curves: {name: [loss]}; python: the same as luxtorch's, of luxtorch.nn in Python, without curves;
- times: {"dtype", "rows": {competitor: {"forward": time, "step": time, "first_step_s", "peak_mb"}},
  "skipped": {competitor: reason}}, a time being {"minimum_ms", "median_ms", "ratio", "ratio_low", "ratio_high"}.
Whatever was not compared or measured may be None or absent. Differences are max |a-b| / max |b| of a tensor, ratios
times as long as luxtorch.
"""

import page_bars
import page_curves
import page_rows as rows
import page_tables as tables
from page_html import Markup, join, tag
from page_style import STYLE


def write(path, found):
    with open(path, "w", encoding="utf-8") as file:
        file.write(document(found))


def document(found):
    about, cases = found["about"], rows.ordered(found["cases"])
    who = rows.competitors(cases)
    body = [
        top(about, cases),
        failures(cases),
        shortly(cases, who),
        section("Every case", every_case(cases, who)),
        section("Ratios", ratios(cases, who)),
        section("Losses", losses(cases)),
        section("First step and memory", starts(cases, who)),
        section("How it was measured", how(about, cases)),
        tensors(cases),
    ]
    head = [
        tag("meta", charset="utf-8"),
        tag("title", "luxtorch beside PyTorch"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("style", Markup(STYLE)),
    ]
    return f"<!doctype html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en')}\n"


def section(title, parts):
    parts = [part for part in parts if part]
    return tag("section", tag("h2", title), *parts) if parts else None


def note(*parts):
    return tag("p", *parts, class_="note")


def top(about, cases):
    versions = [f"{name} {version}" for name, version in (about.get("versions") or {}).items() if version]
    words = [about.get("date"), ", ".join(versions), machine(about)]
    return join(
        [
            tag("h1", "luxtorch beside PyTorch"),
            tag("p", " · ".join(word for word in words if word), class_="about"),
            tag("p", " ".join(rows.headline(cases)), class_="lead"),
        ]
    )


def machine(about):
    threads = about.get("threads")
    parts = [about.get("processor"), rows.plural(threads, "thread") if threads else None, about.get("device")]
    return ", ".join(str(part) for part in parts if part)


def failures(cases):
    wrong = [case for case in cases if case.get("wrong")]
    if not wrong:
        return None
    parts = [tag("h2", "What fails")]
    for case in wrong:
        parts += [tag("b", rows.label(case)), tag("ul", *[tag("li", words) for words in case["wrong"]])]
    return tag("div", *parts, class_="differs")


def shortly(cases, who):
    """The means, and by name where luxtorch is slower than Python PyTorch."""
    if not who:
        return None
    parts = [tables.in_short(cases, who)] if len(cases) > 1 else []
    for what, words in (("step", "training step"), ("forward", "forward pass")):
        found = rows.summary(cases, rows.REFERENCE, what)
        if found and found.slower:
            own = rows.names([f"{name} ({rows.times(ratio)})" for name, ratio in found.slower], 12)
            parts.append(note(f"Slower than {rows.REFERENCE} in the {words}{rows.scatter(found)}: {own}."))
    return join(parts)


def every_case(cases, who):
    words = (
        "Differences are max |a − b| / max |b| of the tensor that differs most; those of losses are relative to the "
        "largest loss, and a grey one has no tolerance. Times are those of the shortest steps. The ratio says how many times as long as "
        "luxtorch PyTorch takes: above 1 luxtorch is faster."
    )
    if any(rows.differences(case, door=True) for case in cases):
        words += f" Rows of {rows.DOOR} have its times in PyTorch's columns."
    return [note(words), tables.every_case(cases, who)] if cases else []


def ratios(cases, who):
    kinds = {"step": "training step", "forward": "forward"}
    scales = {what: scale for what in kinds if (scale := page_bars.axis(cases, who, what))}
    panels = []
    for group, own in rows.groups(cases).items():
        charts = {what: page_bars.bars(own, who, what, scale) for what, scale in scales.items()}
        drawn = [tag("div", tag("h3", f"{group}: {kinds[what]}"), *chart) for what, chart in charts.items() if chart]
        panels += [tag("div", *drawn, class_="panels")] if drawn else []
    words = (
        "Times as long as luxtorch, on a logarithmic axis: to the right of 1 luxtorch is faster, to the left it is "
        "slower. The whiskers hold 80 % of the rounds."
    )
    return [note(words), page_bars.legend(who), *panels] if panels else []


def losses(cases):
    """Curves of activations, layers, losses and optimisers, which are many, are behind a line to click on."""
    shown, behind = [], []
    for case in cases:
        figure = page_curves.figure(case)
        if figure:
            many = rows.group(case) in ("activations", "layers", "losses", "optimisers") and not case.get("wrong")
            (behind if many else shown).append(figure)
    if not shown and not behind:
        return []
    words = (
        "From the same parameters, data and order. Training is chaotic: roundings in the last digit grow with the "
        "steps, between two ways to write one model in PyTorch too. That drift is drawn where there is a second way."
    )
    parts = [note(words), page_curves.legend(), tag("div", *shown, class_="figures") if shown else None]
    if behind:
        title = tag("summary", rows.plural(len(behind), "more curve" if shown else "curve"))
        parts.append(tag("details", title, tag("div", *behind, class_="figures")))
    return parts


def starts(cases, who):
    found = tables.starts(cases, who)
    words = (
        "From the start of a fresh process to the end of its first training step, imports and compilation included; "
        "and the most memory that the process held while it trained."
    )
    return [note(words), found] if found else []


def how(about, cases):
    parts = [
        "Both sides start from the same parameters and see the same data in the same order, and every "
        "hyper-parameter is set explicitly on both. Values are compared tensor by tensor: the largest |a − b| "
        "divided by the largest |b|."
    ]
    dtypes = sorted({case["times"]["dtype"] for case in cases if (case.get("times") or {}).get("dtype")})
    if dtypes:
        rounds = f" for {about['rounds']} rounds" if about.get("rounds") else ""
        parts.append(
            f"Each competitor is a process of its own, started once. They take turns{rounds}, in an order that is "
            "shuffled every time, and each turn starts from fresh values. Times are those of the shortest steps, which "
            "other programs disturb least; a ratio compares these. Its range is the 10th and the 90th percentile of the "
            f"rounds, each round's shortest steps compared with each other. Times are of {' and '.join(dtypes)}."
        )
        parts.append(
            "A training step is forward, loss, backward, the optimiser's update, and the loss as a number; a forward pass is one "
            "of evaluation, without a graph. PyTorch's optimisers are fused where they can be. torch.compile compiles model and "
            "loss with its default settings, which leave recurrent layers (nn.LSTM, GRU, RNN) to their eager kernels, and the "
            "optimiser stays as it is; JAX has the whole training step under one jit. The first step is counted from the "
            "process's start, with one compiler at a time and nothing compiled before."
        )
        if busy := rows.unsure(cases):
            parts.append(busy)
    load = f", with a load of {about['load']:.1f} before" if about.get("load") is not None else ""
    again = [
        "Machine: ",
        machine(about),
        load,
        ". Again with ",
        tag("code", about.get("command") or "tools/compare"),
        ".",
    ]
    missing = [
        tag("li", f"{competitor}: {reason} ({rows.names(own, 4)}).")
        for (competitor, reason), own in rows.skipped(cases).items()
    ]
    listed = [tag("p", "Not measured:"), tag("ul", *missing, class_="note")] if missing else []
    return [*[tag("p", part) for part in parts], tag("p", *again), *listed]


def tensors(cases):
    found = tables.every_tensor(cases)
    return tag("details", tag("summary", "Every output and gradient"), found) if found else None

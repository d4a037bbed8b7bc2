"""The page's style sheet: light and dark, printable, readable on a phone."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #66707a; --line: #dde1e6; --paper: #ffffff; --band: #f5f7f9;
  --bad: #b3261e; --badband: #fdeceb; --ours: #8fbcec; --c0: #c75b12; --c1: #e5a93c; --c2: #2f6db5; --c3: #2e8b68;
  --c4: #8a63b0; --c5: #7b858f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7eb; --soft: #98a2ac; --line: #353c44; --paper: #16191d;
  --band: #1e2328; --bad: #ff8a80; --badband: #3a1f1e; --ours: #3f74ad; --c0: #e8803a; --c1: #d9b25a; --c2: #6aa3e6;
  --c3: #56b890; --c4: #b394d6; --c5: #8d97a1; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.2rem 1.4rem 4rem; max-width: 1240px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
  -webkit-text-size-adjust: 100%; }
h1 { font-size: 1.9rem; line-height: 1.2; font-weight: 600; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; font-weight: 600; margin: 2.8rem 0 .4rem; }
h3 { font-size: .95rem; font-weight: 600; margin: 1.4rem 0 .2rem; }
h4 { font-size: .9rem; font-weight: 600; margin: 0 0 .2rem; }
p { margin: .4rem 0 .8rem; max-width: 52rem; }
.about, .note, figcaption, .words, .legend { color: var(--soft); font-size: .86rem; }
.lead { font-size: 1.15rem; line-height: 1.45; margin: 1.3rem 0; }
.wrong, td.wrong { color: var(--bad); fill: var(--bad); font-weight: 600; }
.differs { border-left: 4px solid var(--bad); background: var(--badband); padding: .7rem 1rem; margin: 1.2rem 0; }
.differs h2 { margin: 0 0 .3rem; font-size: 1rem; color: var(--bad); }
.differs ul { margin: .1rem 0 .5rem; padding-left: 1.2rem; }
.wide { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .8rem; line-height: 1.35; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .42rem; text-align: right; vertical-align: top; white-space: nowrap; }
th { font-weight: 500; color: var(--soft); vertical-align: bottom; }
.wraps th { white-space: normal; }
th:first-child, td:first-child, .left { text-align: left; }
thead tr:last-child { border-bottom: 1px solid var(--soft); }
tbody tr { border-bottom: 1px solid var(--line); }
tbody tr.group { border: 0; } tr.group td { padding-top: 1rem; font-weight: 600; }
tr.bad { background: var(--badband); }
th.span { text-align: center; border-bottom: 1px solid var(--line); }
th.start, td.start { padding-left: 1.3rem; }
.full { width: 100%; } td.indent { padding-left: 1.4rem; color: var(--soft); }
.words { display: block; white-space: normal; font-size: .76rem; min-width: 12rem; font-weight: 400; }
.slow { color: var(--bad); } .none { color: var(--soft); }
.panels { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: flex-start; } .panels > div { flex: 1 1 20rem; max-width: 35rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1.6rem 1.6rem; }
figure { margin: 0; break-inside: avoid; } svg { display: block; width: 100%; height: auto; break-inside: avoid; }
svg text { fill: var(--ink); font-size: 11px; } svg .tick { fill: var(--soft); font-size: 10px; }
svg .value { fill: var(--soft); font-size: 8.5px; } svg text.wrong { fill: var(--bad); font-weight: 400; }
.grid { stroke: var(--line); stroke-width: 1; } .one { stroke: var(--ink); stroke-width: 1; }
.whisker { stroke: var(--ink); stroke-width: 1; fill: none; opacity: .75; }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); } .c4 { fill: var(--c4); }
.c5 { fill: var(--c5); }
.b0 { background: var(--c0); } .b1 { background: var(--c1); } .b2 { background: var(--c2); } .b3 { background: var(--c3); }
.b4 { background: var(--c4); } .b5 { background: var(--c5); }
.curves path { fill: none; stroke-linejoin: round; }
path.luxtorch { stroke: var(--ours); stroke-width: 6; } path.pytorch { stroke: var(--ink); stroke-width: 1.4; stroke-dasharray: 5 4; }
path.d-ours { stroke: var(--c2); stroke-width: 1.3; } path.d-own { stroke: var(--c1); stroke-width: 1.3; }
path.d-door { stroke: var(--c4); stroke-width: 1.3; }
.limit { stroke: var(--bad); stroke-width: 1; stroke-dasharray: 2 3; }
.legend { white-space: pre-wrap; }
.key { display: inline-block; width: .8rem; height: .65rem; } .key[class*="line-"] { width: 1.5rem; height: 0; vertical-align: middle; }
.line-luxtorch { border-top: 6px solid var(--ours); } .line-pytorch { border-top: 2px dashed var(--ink); }
.line-ours { border-top: 2px solid var(--c2); } .line-own { border-top: 2px solid var(--c1); }
.line-door { border-top: 2px solid var(--c4); }
.line-limit { border-top: 1px dashed var(--bad); }
details { margin: 1rem 0; } summary { cursor: pointer; font-weight: 600; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--band); padding: .1em .35em; border-radius: 3px; }
@media (max-width: 40rem) { body { padding: 1.2rem .9rem 3rem; } h1 { font-size: 1.5rem; } .lead { font-size: 1.05rem; }
  .words { min-width: 9rem; } tr { background: var(--paper); }
  .wide td:first-child, .wide th:first-child { position: sticky; left: 0; background: inherit; } tr.group td { position: static; } }
@media print { :root { --ink: #000; --soft: #555; --line: #ccc; --paper: #fff; --band: #f5f5f5; --bad: #b3261e; --badband: #fdeceb;
    --ours: #8fbcec; --c0: #c75b12; --c1: #e5a93c; --c2: #2f6db5; --c3: #2e8b68; }
  @page { size: A4 landscape; margin: 12mm; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { padding: 0; max-width: none; font-size: 10pt; } .wide { overflow: visible; } table { font-size: 7.4pt; }
  thead { display: table-header-group; } tr, figure, svg, .differs { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""

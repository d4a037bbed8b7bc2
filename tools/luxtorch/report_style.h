// The style of the page that `luxtorch report` writes: light or dark as the reader's system is.
#pragma once

inline constexpr const char* kReportStyle = R"css(
:root { color-scheme: light dark; --back: #fff; --text: #1c2024; --quiet: #5d6670; --line: #d9dee3;
  --panel: #f6f8fa; --s0: #0b66c3; --s1: #c2500a; --s2: #1a7f37; --s3: #8b3fc0; --s4: #c2255c;
  --s5: #0a7d86; --s6: #7a5c00; --s7: #59636e; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --text: #e4e8ec; --quiet: #9aa4ae;
  --line: #343b42; --panel: #1d2125; --s0: #6cb2ff; --s1: #ff9f5a; --s2: #5fd38a; --s3: #c79bff;
  --s4: #ff7fa8; --s5: #5fd4dc; --s6: #e0c060; --s7: #b4bdc6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1440px; padding: 1rem clamp(0.8rem, 3vw, 2.5rem) 3rem;
  background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0.6rem 0; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 0.6rem; padding-top: 0.8rem;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
h2 span { font-weight: normal; font-size: 1rem; color: var(--quiet); }
.s0 { color: var(--s0); } .s1 { color: var(--s1); } .s2 { color: var(--s2); }
.s3 { color: var(--s3); } .s4 { color: var(--s4); } .s5 { color: var(--s5); }
.s6 { color: var(--s6); } .s7 { color: var(--s7); }
.plots { display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); }
figure { margin: 0; padding: 0.7rem; background: var(--panel); border-radius: 8px; }
figcaption b { font-weight: 600; }
.legend { margin: 0.2rem 0 0.3rem; font-size: 0.87rem; }
.legend span { display: inline-block; margin-right: 0.9rem; overflow-wrap: anywhere; }
.legend i { display: inline-block; width: 1.3em; margin-right: 0.4em; vertical-align: middle;
  border-top: 3px solid currentColor; }
.legend i.dashed { border-top-style: dashed; }
.legend i.mark { width: 0; height: 1em; border: 0; border-left: 2px dotted var(--quiet);
  margin: 0 0.5em; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: var(--quiet); }
polyline { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round;
  stroke-linecap: round; }
.dashed polyline { stroke-dasharray: 6 4; }
.noise polyline { stroke-width: 1; opacity: 0.45; }
circle { fill: currentColor; stroke: var(--panel); stroke-width: 1.5; }
.grid { stroke: var(--line); } .axis { stroke: var(--quiet); }
.best { stroke: currentColor; stroke-dasharray: 2 4; opacity: 0.7; }
.scroll { overflow-x: auto; margin: 0.6rem 0; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; font-size: 0.87rem; min-width: 100%; }
th, td { padding: 0.35rem 0.7rem; text-align: left; vertical-align: top; white-space: nowrap;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
tbody tr:last-child > * { border-bottom: 0; }
tfoot > tr > * { border-top: 2px solid var(--line); border-bottom: 0; font-weight: 600; }
thead th { background: var(--panel); }
tbody th { font-weight: 600; }
.n { text-align: right; }
td.long { white-space: normal; min-width: 18rem; overflow-wrap: anywhere; }
small { color: var(--quiet); display: block; }
dl { display: grid; gap: 0.5rem 1.5rem; margin: 0.8rem 0;
  grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); }
dt { color: var(--quiet); font-size: 0.82rem; }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
pre, code { font: 0.87rem/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { overflow-x: auto; padding: 0.7rem; margin: 0.6rem 0; background: var(--panel);
  border-radius: 8px; }
summary { cursor: pointer; font-weight: 600; padding: 0.3rem 0; }
a { color: var(--s0); }
.warning { border-left: 4px solid var(--s1); padding-left: 0.7rem; }
footer { margin-top: 2.5rem; color: var(--quiet); font-size: 0.87rem; }
@media print { figure { break-inside: avoid; } }
)css";

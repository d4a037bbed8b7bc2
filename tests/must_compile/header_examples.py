"""Compiles the example of every public header: header_examples.py INCLUDE TEMPLATE OUTPUT COMPILER...

An example is what stands indented in the comment at a header's head, anywhere in that comment. The template is
C++; a line `//@ autodiff/grad.h` in it becomes that header's example, so that what stands around the line is what the
example needs. `//@ layers/*` stands for the headers of that folder which have no line of their own. A header whose
example has no such line, and a line whose header has no example, are errors.
"""

import pathlib
import re
import subprocess
import sys

INDENTED = re.compile(r"// {5}(.*)")


def example(header: str) -> list[str]:
    lines = []
    for line in header.splitlines():
        if not line.startswith("//"):
            break
        if found := INDENTED.fullmatch(line):
            lines.append(found.group(1))
    return lines


def statements(lines: list[str]) -> list[str]:
    """Without includes, with the semicolon that an expression alone on its line needs, and without a table of file endings."""
    codes = [re.sub(r"(^|\s)//.*$", "", line).rstrip() for line in lines if not line.startswith("#")]
    out, depth = [], 0
    for code, following in zip(codes, codes[1:] + [""]):
        if code.startswith("."):
            continue
        depth += sum(map(code.count, "({")) - sum(map(code.count, ")}"))
        ends = depth == 0 and code.endswith(")") and not following.lstrip().startswith(".")
        out.append(code + ";" if ends else code)
    return out


def program(include: str, template: str) -> str:
    root = pathlib.Path(include)
    examples = {}
    for path in sorted(root.rglob("*.h")):
        if any(lines := statements(example(path.read_text()))):
            examples[path.relative_to(root).as_posix()] = lines
    source = pathlib.Path(template).read_text()
    own, text, placed = set(re.findall(r"//@ (.+)", source)), [], set()
    for line in source.splitlines():
        if not (found := re.fullmatch(r"\s*//@ (.+)", line)):
            text.append(line)
            continue
        names = [found.group(1)]
        if names[0].endswith("/*"):
            names = [name for name in examples if name.startswith(names[0][:-1]) and name not in own]
        for name in names:
            if name not in examples:
                sys.exit(f"{template} has a place for the example of {name}, which has none.")
            placed.add(name)
            text += [f'#line 1 "{name} (its example)"', "{", *examples[name], "}"]
    if missing := sorted(set(examples) - placed):
        sys.exit(f"{template} has no place for the examples of {', '.join(missing)}: add a function with a line //@ HEADER.")
    return "\n".join(text) + "\n"


def main(include: str, template: str, output: str, *compiler: str) -> int:
    pathlib.Path(output).write_text(program(include, template))
    return subprocess.run([*compiler, output]).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

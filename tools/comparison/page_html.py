"""HTML and SVG elements as text. What is not an element already is escaped, so no text can be left unescaped.

tag("p", "a < b, ", tag("b", "really"), class_="note")    # <p class="note">a &lt; b, <b>really</b></p>
"""

import html


class Markup(str):
    """Text that is HTML: tag() leaves it as it is."""


def text(part):
    if part is None:
        return Markup()
    return part if isinstance(part, Markup) else Markup(html.escape(str(part)))


def join(parts):
    return Markup("".join(text(part) for part in parts))


def tag(name, /, *parts, **attributes):
    """An element. class_ is class, data_case is data-case; an attribute that is None is left out."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if not parts and name not in ("td", "th", "p", "text"):
        return Markup(f"<{name}{words}/>")
    return Markup(f"<{name}{words}>{join(parts)}</{name}>")


def number(value):
    """A coordinate to a hundredth of a pixel; any other value as it is."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def table(head, body, **attributes):
    """A table in a box that scrolls on a narrow screen. head: rows; body: lists of rows, one for each section."""
    return tag(
        "div",
        tag("table", tag("thead", *head), *[tag("tbody", *rows) for rows in body if rows], **attributes),
        class_="wide",
    )

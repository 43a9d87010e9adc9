"""What a page owes its readers, as far as it can be told without a browser.

Contrast of text, from the style variables of every scheme (light, dark, print); headings in
order; whatever can be pressed is a link, a summary, a button or a field, and has a name; links
within the page lead somewhere; pictures have words. `python tests/page_basics.py PAGE...` says
what is wrong with pages of your own.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LEAST = 4.5  # WCAG 2.2, 1.4.3
# Text in these colours stands on these.
ON = {
    "--ink": ("--paper", "--page", "--shade"),
    "--muted": ("--paper", "--page"),
    "--chosen": ("--paper", "--page", "--chosen-wash"),
    "--care": ("--paper",),
    "--bad": ("--paper",),
    "--paper": ("--chosen", "--error", "--genome", "--muted"),
    "--variant": ("--paper",),
    "--undecided": ("--paper",),
    "--repeat": ("--paper",),
    "--wrong": ("--paper",),
}
PRESSED = {"a", "button", "summary"}
VOID = {"meta", "link", "br", "img", "hr", "input"}


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``, 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """Between 1 and 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def schemes(text: str) -> dict[str, dict[str, str]]:
    """Style variables of light, dark and print; what a scheme does not name is light's."""
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}, "print": {}}
    for block in re.finditer(r"(@media ([^{]*)\{\s*)?:root \{([^}]*)\}", text):
        where = block.group(2) or ""
        name = "dark" if "dark" in where else "print" if "print" in where else "light"
        found[name].update(re.findall(r"(--[\w-]+):\s*(#[0-9a-f]{6})", block.group(3)))
    return {name: {**found["light"], **own} for name, own in found.items()}


class Page(HTMLParser):
    """Elements with their attributes, their text, and what they stand in."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[dict] = []
        self._open: list[dict] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "inside": [e["tag"] for e in self._open], **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", "inside": [], **dict(attrs)})

    def handle_endtag(self, tag):
        while self._open and self._open.pop()["tag"] != tag:
            pass

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data


def faults(text: str) -> list[str]:
    """What is wrong with a page, in words."""
    page = Page(text)
    return [*_contrasts(text), *_headings(page), *_keyboard(page), *_pictures(page)]


def _contrasts(text: str) -> list[str]:
    found = []
    for scheme, colours in schemes(text).items():
        for ink, papers in ON.items():
            for paper in papers:
                if ink in colours and paper in colours:
                    ratio = contrast(colours[ink], colours[paper])
                    if ratio < LEAST:
                        found.append(f"{scheme}: {ink} on {paper} has a contrast of {ratio:.2f}")
    return found


def _headings(page: Page) -> list[str]:
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch(r"h[1-6]", e["tag"])]
    found = [] if levels.count(1) == 1 else [f"{levels.count(1)} headings h1"]
    steps = zip([0, *levels], levels, strict=False)
    return found + [f"h{b} follows h{a}" for a, b in steps if b > a + 1]


def _keyboard(page: Page) -> list[str]:
    ids = {e["id"] for e in page.elements if "id" in e}
    found = []
    for e in page.elements:
        tag, name = e["tag"], e["text"].strip() or e.get("aria-label") or e.get("title")
        if any(key.startswith("on") for key in e):
            found.append(f"<{tag}> handles events by itself")
        if "tabindex" in e and (e["tabindex"] != "0" or not (e.get("role") and _named(e))):
            found.append(f"<{tag}> has tabindex {e['tabindex']} without a role and a name")
        if tag in PRESSED and not name and "hidden" not in e:
            found.append(f"<{tag}> {e.get('href', '')} has no name")
        if tag == "a" and not e.get("href"):
            found.append(f"<a> {name} leads nowhere")
        if tag == "a" and str(e.get("href")).startswith("#") and e["href"][1:] not in ids:
            found.append(f"<a> {e['href']} leads to nothing on the page")
        if tag == "a" and "svg" in e["inside"] and not e.get("aria-label"):
            found.append(f"<a> {e['href']} in a picture has no name")
    return found


def _named(e: dict) -> bool:
    return bool(e.get("aria-label") or e.get("aria-labelledby"))


def _pictures(page: Page) -> list[str]:
    found = []
    for e in page.elements:
        if e["tag"] == "img" and not e.get("alt"):
            found.append(f"<img> {e.get('src')} has no alternative text")
        if e["tag"] == "svg" and not (e.get("aria-hidden") or (e.get("role") and _named(e))):
            found.append("<svg> has no role and name")
    return found


if __name__ == "__main__":
    wrong = [(path, fault) for path in sys.argv[1:] for fault in faults(Path(path).read_text())]
    for path, fault in wrong:
        print(f"{path}: {fault}")
    sys.exit(bool(wrong))

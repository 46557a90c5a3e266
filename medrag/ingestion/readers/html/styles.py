"""Tells which parts of an HTML page its reader sees, by attributes, inline styles and <style>."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

HIDDEN, DELETED = "hidden text", "deleted text"
_SHEET_LIMIT = 1 << 20  # characters of all style sheets that are read
_RULE_LIMIT = 10_000  # selectors that are kept
_SELECTORS_LIMIT = 5_000  # characters of the selectors of one rule
_TESTS_LIMIT = 1_000_000  # of an element against a rule; after them rules are no longer followed
_PARTS_LIMIT = 6  # compounds of a selector, as in "main .note > p"
_CLIMB = 64  # ancestors that are tried for each of them
_INLINE_LIMIT = 4_000  # characters of a style attribute

_STRUCK = {"del", "s", "strike"}
_OWN_COLOURS = {"a", "mark"}  # are not drawn in the colours around them
_WATCHED = "del, s, strike, dialog, [style], [hidden], [aria-hidden], [bgcolor], [color], [text]"
_PROPERTIES = {
    "animation", "animation-name", "background-color", "background-clip", "background-image",
    "bottom", "clip", "clip-path", "color", "content-visibility", "display", "filter", "font-size",
    "height", "left", "margin-left", "margin-top", "max-height", "max-width", "min-height",
    "mso-hide", "opacity", "overflow", "padding", "padding-bottom", "padding-top", "position",
    "right", "text-decoration", "text-indent", "text-shadow", "top", "transform", "visibility",
    "width",
}  # fmt: skip
_SAME_AS = {
    "-webkit-background-clip": "background-clip",
    "-webkit-clip-path": "clip-path",
    "-webkit-text-fill-color": "color",
    "background": "background-color",
    "font": "font-size",
    "overflow-x": "overflow",
    "overflow-y": "overflow",
    "text-decoration-line": "text-decoration",
}
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "em": 16.0, "rem": 16.0, "ex": 8.0}
_PIXELS |= {"ch": 8.0, "%": 10.0, "vw": 10.0, "vh": 10.0, "in": 96.0, "cm": 37.8, "mm": 3.78}
_AWAY = -999.0  # pixels; nothing on the screen is so far to the left or the top
_UNREADABLE = 1.5  # pixels of a font's size
_COLOURS = {
    "black": (0, 0, 0), "silver": (192, 192, 192), "gray": (128, 128, 128), "white": (255,) * 3,
    "maroon": (128, 0, 0), "red": (255, 0, 0), "purple": (128, 0, 128), "fuchsia": (255, 0, 255),
    "green": (0, 128, 0), "lime": (0, 255, 0), "olive": (128, 128, 0), "yellow": (255, 255, 0),
    "navy": (0, 0, 128), "blue": (0, 0, 255), "teal": (0, 128, 128), "aqua": (0, 255, 255),
    "grey": (128, 128, 128), "snow": (255, 250, 250), "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255), "whitesmoke": (245, 245, 245), "floralwhite": (255, 250, 240),
}  # fmt: skip
_ALIKE = 8  # the most that two colours may differ in red, green and blue and look the same
_CLEAR = (-1, -1, -1)  # what is drawn in it is not seen on anything

_COMMENT_OR_STRING = re.compile(
    r"/\*.*?(?:\*/|\Z)|<!--|-->|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL
)
_COMPOUND = re.compile(
    r"(?P<tag>[a-z][\w-]*|\*)|\.(?P<class>(?:[\w-]|\\.|[^\x00-\x7f])+)"
    r"|\#(?P<id>(?:[\w-]|\\.|[^\x00-\x7f])+)"
    r"|\[\s*(?P<attribute>[\w-]+)\s*(?:(?P<test>[~|^$*]?=)\s*[\"']?(?P<value>[^\"'\]]*)[\"']?\s*i?\s*)?\]"
    r"|(?P<pseudo>::?[\w-]+(?:\([^()]*\))?)",
    re.IGNORECASE,
)
_NOT_AT_FIRST = re.compile(  # what is not there, or not so, when a page opens
    r"::?(?:hover|focus|active|target|checked|visited|before|after|placeholder|selection|disabled"
    r"|invalid|first-l|backdrop|open|popover|fullscreen|marker|-)"
)

Colour = tuple[int, ...]


class Sight:
    """Follows a walk through a page and says whether the text at each place is seen.

    Read are the attributes `hidden`, `aria-hidden` and those of old HTML for colours, inline
    styles, and the page's own style sheets: selectors of names, classes, ids and attributes,
    descendants (" ") and children (">"). Rules win by `!important`, inline style, specificity and
    order, as in CSS. Sheets are read up to 1 MiB and 10,000 selectors, and followed for a million
    tests of an element against a rule. Where something is unsure, text counts as seen:

    - Rules for print are ignored. Rules under other conditions (widths, `@supports`) and those
      with sibling or structural selectors (`:not(...)`, "+") can show something, but not hide it.
    - Linked style sheets are not loaded. So on a page with one, text in the colour of the page is
      hidden only if a background is declared around it.
    - A background picture, a gradient or `var(...)` may have any colour.
    - An element that a tab or an expanding button of the page opens is seen.
    - `aria-hidden` text is seen if it stands beside its hidden twin for screen readers.

    Attributes:
        reason: why the text at this place is not seen, "hidden text" or "deleted text"; else "".
        source: a number for the element that is the reason.
        plain: whether all text of the page is seen, so that there is nothing to follow.
    """

    def __init__(self, tree: LexborHTMLParser) -> None:
        self.reason = ""
        self.source = 0
        self._tree = tree
        self._rules = _indexed(tree)
        self._watched = {node.mem_id for node in tree.css(_WATCHED)}
        self.plain = not self._rules and not self._watched
        self._matching: dict[tuple[str, str, str], list[_Rule]] = {}
        self._open: list[tuple[int, _Look, int, _Element]] = []  # what to go back to
        self._names: Counter[str] = Counter()  # of open elements, as in selectors
        self._openable: set[str] | None = None
        self._tests = _TESTS_LIMIT
        linked = not self.plain and tree.css_first('link[rel~="stylesheet"]') is not None
        self._look = _Look(background=None) if linked else _Look()
        if tree.root is not None:
            self.enters(tree.root)

    def enters(self, node: LexborNode) -> bool:
        """Step into an element. False if it takes no place on the page at all: stay outside."""
        if self.plain:
            return True
        tag = node.tag or ""
        watched = bool(self._rules) or node.mem_id in self._watched
        if not watched and not (self.reason and tag in _OWN_COLOURS):
            return True
        element = _Element(tag, node.attributes)
        declared = self._declared(element)
        if self._is_hidden(node, element, declared):
            return False
        look = self._look.inside(element, declared)
        if tag in _STRUCK:
            look = look._replace(gone=look.gone or DELETED)
        elif look.gone and not self._look.gone and self._opens(element):
            look = look._replace(gone="")
        self._open.append((node.mem_id, self._look, self.source, element))
        self._names.update(element.names)
        if look.reason and look.reason != self.reason:
            self.source = node.mem_id
        self._look, self.reason = look, look.reason
        return True

    def leaves(self, node: LexborNode) -> None:
        """Step out of an element that was entered."""
        if self._open and self._open[-1][0] == node.mem_id:
            _, self._look, self.source, element = self._open.pop()
            self._names.subtract(element.names)
            self.reason = self._look.reason

    def _is_hidden(self, node: LexborNode, element: _Element, declared: dict[str, str]) -> bool:
        """Tell whether an element and all in it is left out of the page."""
        attributes = element.attributes
        display = declared.get("display", "none" if element.hidden_by_default else "")
        if display == "none" or attributes.get("hidden") == "until-found":
            return not self._opens(element)
        if (attributes.get("aria-hidden") or "").strip().lower() != "true":
            return False
        return not self._opens(element) and not self._has_twin(node)

    def _opens(self, element: _Element) -> bool:
        """Tell whether a tab or an expanding button of the page shows the element."""
        attributes = element.attributes
        if attributes.get("role") == "tabpanel":
            return True
        name = attributes.get("id")
        if (
            not name
            or attributes.get("role") in ("dialog", "alertdialog")
            or element.tag == "dialog"
        ):
            return False
        if self._openable is None:
            controls = self._tree.css("[aria-controls][aria-expanded], [aria-controls][role=tab]")
            lists = (node.attributes.get("aria-controls") or "" for node in controls)
            self._openable = {name for names in lists for name in names.split()}
        return name in self._openable

    def _has_twin(self, node: LexborNode) -> bool:
        """Tell whether an element beside this one is hidden from the eye, but not from others."""
        for start in ("prev", "next"):
            other = getattr(node, start)
            while other is not None and not other.is_element_node:
                other = getattr(other, start)
            if other is None:
                continue
            element = _Element(other.tag or "", other.attributes)
            if (element.attributes.get("aria-hidden") or "") == "true" or element.hidden_by_default:
                continue
            if _is_unseen(self._declared(element)):
                return True
        return False

    def _declared(self, element: _Element) -> dict[str, str]:
        """Return the declarations that win, by property."""
        best: dict[str, tuple[tuple[int, ...], str]] = {}
        candidates = self._candidates(element)
        self._tests -= len(candidates)
        if self._tests < 0:
            self._rules = {}
        for rule in candidates:
            if all(self._names[name] > 0 for name in rule.needs) and self._matches(rule, element):
                for name, value, important in rule.declarations:
                    rank = (important, 0, *rule.rank)
                    if name not in best or best[name][0] <= rank:
                        best[name] = rank, value
        for name, value in element.presentation():
            best.setdefault(name, ((0,), value))
        style = element.attributes.get("style") or ""
        for name, value, important in _declarations(style[:_INLINE_LIMIT]):
            rank = (important, 1)
            if name not in best or best[name][0] <= rank:
                best[name] = rank, value
        return {name: value for name, (_, value) in best.items()}

    def _candidates(self, element: _Element) -> list[_Rule]:
        """Return the rules for elements of this name, id and classes."""
        if not self._rules:
            return []
        key = element.tag, element.id, element.attributes.get("class") or ""
        found = self._matching.get(key)
        if found is None:
            if len(self._matching) > _RULE_LIMIT:
                self._matching.clear()
            rules = (rule for name in ("*", *element.names) for rule in self._rules.get(name, ()))
            found = [rule for rule in rules if rule.parts[-1].names <= element.names]
            self._matching[key] = found
        return found

    def _matches(self, rule: _Rule, element: _Element) -> bool:
        """Tell whether a rule of the right name is for this element at this place."""
        if not rule.parts[-1].fits(element):
            return False
        at = len(self._open)
        for part, child in zip(rule.parts[-2::-1], rule.children[::-1], strict=True):
            lowest = at - 1 if child else max(0, at - _CLIMB)
            at -= 1
            while at >= max(0, lowest) and not part.fits(self._open[at][3]):
                at -= 1
            if at < max(0, lowest):
                return False
        return True


class _Element:
    """An element's name and attributes, and how selectors name it."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.id = attributes.get("id") or ""
        classes = (attributes.get("class") or "").split()
        self.names = {tag, *(f".{name}" for name in classes)}
        if self.id:
            self.names.add(f"#{self.id}")

    @property
    def hidden_by_default(self) -> bool:
        if self.tag == "dialog" and "open" not in self.attributes:
            return True
        return "hidden" in self.attributes

    def presentation(self) -> Iterator[tuple[str, str]]:
        """Yield the colours that attributes of old HTML declare."""
        for attribute, name in (
            ("bgcolor", "background-color"),
            ("color", "color"),
            ("text", "color"),
        ):
            value = self.attributes.get(attribute)
            if value and (attribute != "color" or self.tag == "font"):
                yield name, value.strip().lower()


class _Look(NamedTuple):
    """How text is drawn in an element.

    Attributes:
        gone: why it is not seen, whatever elements in it declare; "" if it is.
        visible: as the property `visibility`.
        tiny: whether it is too small to read.
        colour, background: red, green and blue; None if unknown.
    """

    gone: str = ""
    visible: bool = True
    tiny: bool = False
    colour: Colour | None = (0, 0, 0)
    background: Colour | None = (255, 255, 255)

    @property
    def reason(self) -> str:
        """Why text is not seen, or ""."""
        if self.gone or not self.visible or self.tiny:
            return self.gone or HIDDEN
        one, other = self.colour, self.background
        if one == _CLEAR:
            return HIDDEN
        if one is None or other is None:
            return ""
        alike = max(abs(a - b) for a, b in zip(one, other, strict=True)) <= _ALIKE
        return HIDDEN if alike else ""

    def inside(self, element: _Element, declared: dict[str, str]) -> _Look:
        """Return the look of text in an element with these declarations."""
        gone, visible, tiny, colour, background = self
        if not gone and "line-through" in declared.get("text-decoration", ""):
            gone = DELETED
        if not gone and _is_unseen(declared):
            gone = HIDDEN
        visibility = declared.get("visibility")
        if visibility and visibility not in ("inherit", "unset"):
            visible = visibility not in ("hidden", "collapse")
        size = declared.get("font-size")
        if size and size not in ("inherit", "unset"):
            tiny = _is_tiny(size, tiny)
        if element.tag in _OWN_COLOURS:
            colour, background = None, background if element.tag == "a" else None
        if declared.get("position") in ("absolute", "fixed"):
            background = None  # of what is below it
        if declared.get("background-image", "none") != "none":
            background = None
        elif "background-color" in declared:
            background = _background(declared["background-color"], background)
        if declared.get("color", "inherit") not in ("inherit", "unset", "currentcolor"):
            colour = _colour(declared["color"])
        if colour == _CLEAR and ("text-shadow" in declared or "background-clip" in declared):
            colour = None  # drawn by its shadow or its background
        return _Look(gone, visible, tiny, colour, background)


def _is_unseen(declared: dict[str, str]) -> bool:
    """Tell whether an element is drawn outside the screen, without size, or fully transparent."""

    def pixels(name: str) -> float | None:
        return _pixels(declared.get(name, ""))

    def at_most(limit: float, *names: str) -> bool:
        return any((value := pixels(name)) is not None and value <= limit for name in names)

    position = declared.get("position", "static")
    if declared.get("display") == "none" or declared.get("mso-hide") == "all":
        return True
    if declared.get("content-visibility") == "hidden":
        return True
    if at_most(_AWAY, "text-indent", "margin-left", "margin-top"):
        return True
    if position not in ("static", "inherit") and at_most(_AWAY, "left", "right", "top", "bottom"):
        return True
    dimmed = re.search(r"opacity\(([^)]*)\)", declared.get("filter", "")[:200])
    opacity = min(_fraction(declared.get("opacity", "")), _fraction(dimmed[1] if dimmed else ""))
    if opacity < 0.05 and not {"animation", "animation-name"} & declared.keys():
        return True
    clips = declared.get("overflow", "visible").split()[0] in ("hidden", "clip")
    if clips and at_most(1, "width", "height", "max-width", "max-height"):
        # A box may get its height from its padding, as those of videos do.
        padding = (pixels(name) or 0 for name in ("padding", "padding-top", "padding-bottom"))
        if not any(value > 1 for value in padding) and not (pixels("min-height") or 0) > 1:
            return True
    if clips and (pixels("text-indent") or 0) >= 1_000:
        return True
    if position in ("absolute", "fixed") and _is_clipped(declared.get("clip", "")):
        return True
    path = declared.get("clip-path", "")
    if re.match(r"inset\((?:100|[5-9]\d)(?:\.\d+)?%|circle\(0", path):
        return True
    transform = declared.get("transform", "")
    if re.search(r"scale(?:3d|x|y)?\(\s*0*(?:\.0+)?0*\s*[,)]", transform):
        return True
    moved = re.search(r"translate(?:3d|x|y)?\(\s*(-[\d.]+[a-z]+)", transform)
    return moved is not None and (_pixels(moved[1]) or 0) <= _AWAY


def _is_clipped(clip: str) -> bool:
    """Tell whether `rect(top, right, bottom, left)` leaves nothing to see."""
    sides = [_pixels(side) for side in re.split(r"[,\s]+", clip[5:].strip(" )"))]
    if len(sides) != 4:
        return False
    spans = ((sides[0], sides[2]), (sides[3], sides[1]))
    return any(a is not None and b is not None and b - a <= 1 for a, b in spans)


def _is_tiny(size: str, parent: bool) -> bool:
    """Tell whether a font of this size cannot be read, in an element where it could or not."""
    pixels = _pixels(size)
    if pixels is None:
        return False
    if parent and size.endswith(("em", "%", "ex", "ch")) and not size.endswith("rem"):
        return True  # of a size that is next to nothing
    if size.endswith("%"):
        pixels *= 0.016
    return pixels < _UNREADABLE


def _pixels(length: str) -> float | None:
    """Return a length in pixels, percent as a share of 1,000; None if it is unknown."""
    match = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+))([a-z]*|%)", length[:40])
    if not match or match[2] not in _PIXELS:
        return None
    return float(match[1]) * _PIXELS[match[2]]


def _fraction(number: str) -> float:
    """Return "0.5" or "50%" as a number; 1 if it is neither."""
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)(%?)", number[:40])
    return float(match[1]) / (100 if match[2] else 1) if match else 1.0


def _background(value: str, behind: Colour | None) -> Colour | None:
    """Return the colour that a `background` gives; `behind` shines through a clear one."""
    if value in ("none", "transparent", "inherit", "initial", "unset"):
        return behind
    if "(" in value and not value.startswith(("rgb", "hsl")):
        return None  # a picture or a variable
    colour = _colour(value if value.startswith(("rgb", "hsl")) else value.split()[0])
    return behind if colour == _CLEAR else colour


def _colour(value: str) -> Colour | None:
    """Return red, green and blue; `_CLEAR` if nothing is seen of it, None if it is unknown."""
    if value == "transparent":
        return _CLEAR
    if value in _COLOURS:
        return _COLOURS[value]
    if re.fullmatch(r"#(?:[\da-f]{3,4}|[\da-f]{6}|[\da-f]{8})", value):
        digits = value[1:] if len(value) > 5 else "".join(digit * 2 for digit in value[1:])
        if digits[6:] == "00":
            return _CLEAR
        if digits[6:] not in ("", "ff"):
            return None
        return tuple(int(digits[at : at + 2], 16) for at in (0, 2, 4))
    match = re.match(r"(rgb|hsl)a?\(([^()]{1,60})\)", value)
    numbers = re.findall(r"[\d.]+%?", match[2]) if match else []
    if match is None or len(numbers) not in (3, 4):
        return None
    if len(numbers) == 4 and _fraction(numbers[3]) < 1:
        return _CLEAR if _fraction(numbers[3]) < 0.05 else None
    if match[1] == "hsl":
        lightness = _fraction(numbers[2])
        return {0.0: (0, 0, 0), 1.0: (255, 255, 255)}.get(lightness)
    parts = (_fraction(part) * (255 if part.endswith("%") else 1) for part in numbers[:3])
    return tuple(min(255, round(part)) for part in parts)


def _declarations(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (property, value, whether it is important) of what decides what is seen."""
    for declaration in _COMMENT_OR_STRING.sub("", text).split(";"):
        name, colon, value = declaration.partition(":")
        name = name.strip().lower()
        name = _SAME_AS.get(name, name)
        if not colon or name not in _PROPERTIES:
            continue
        value, _, important = value.strip().lower().partition("!")
        value = " ".join(value.split())
        if name == "font-size" and re.search("[ /]", value):  # of the shorthand `font`
            value = _size(value)
        if value:
            yield name, value, important.strip() == "important"


def _size(font: str) -> str:
    """Return the size in a `font` such as "bold 12px/1.5 Arial"."""
    numbers = re.findall(r"(?:^| )((?:\d+\.?\d*|\.\d+)(?:[a-z]{2,4}|%)?)(?= |/)", font[:200])
    weights = {f"{weight}00" for weight in range(1, 10)}
    return next((number for number in numbers if number not in weights), "medium")


class _Part(NamedTuple):
    """What a selector asks of one element.

    Attributes:
        names: its tag, "#id" and ".class"es.
        attributes: (name, test, value); the test is "" if the attribute only has to be there.
    """

    names: frozenset[str]
    attributes: tuple[tuple[str, str, str], ...] = ()

    def fits(self, element: _Element) -> bool:
        if not self.names <= element.names:
            return False
        return all(_passes(element.attributes, *test) for test in self.attributes)


class _Rule(NamedTuple):
    """A selector with its declarations.

    Attributes:
        parts: what it asks of the element, last, and of its ancestors.
        children: for each part but the last, whether the next is its child.
        needs: names that open elements must have.
        rank: specificity and order.
    """

    parts: tuple[_Part, ...]
    children: tuple[bool, ...]
    needs: frozenset[str]
    rank: tuple[int, ...]
    declarations: tuple[tuple[str, str, bool], ...]


def _passes(attributes: dict[str, str | None], name: str, test: str, value: str) -> bool:
    """Tell whether an element's attributes pass the test of an attribute selector."""
    if name not in attributes:
        return False
    has = attributes[name] or ""
    match test:
        case "":
            return True
        case "=":
            return has == value
        case "~=":
            return value in has.split()
        case "|=":
            return has == value or has.startswith(f"{value}-")
        case "^=":
            return bool(value) and has.startswith(value)
        case "$=":
            return bool(value) and has.endswith(value)
        case _:
            return bool(value) and value in has


def _indexed(tree: LexborHTMLParser) -> dict[str, list[_Rule]]:
    """Return the rules of the page's style sheets that can decide what is seen.

    Each is under one name that an element must have: its id, a class, its tag or "*".
    """
    texts = []
    for style in tree.css("style"):
        media = (style.attributes.get("media") or "").strip().lower()
        if _applies(media) is not None:
            texts.append(f"@media {media} {{{style.text()}\n}}" if media else style.text())
    text = "\n".join(texts)[:_SHEET_LIMIT]
    rules: dict[str, list[_Rule]] = defaultdict(list)
    number = 0
    for prelude, body, sure in _blocks(_COMMENT_OR_STRING.sub(_kept, text)):
        declarations = tuple(_declarations(body))
        if not declarations or len(prelude) > _SELECTORS_LIMIT:
            continue
        for selector in (
            re.split(r",(?![^(]*\))", prelude) if "(" in prelude else prelude.split(",")
        ):
            rule = _rule(selector.strip(), declarations, sure, number)
            number += 1
            if rule is not None:
                names = rule.parts[-1].names
                rules[max(names, key=lambda name: ".#".find(name[0]), default="*")].append(rule)
            if number >= _RULE_LIMIT:
                return rules
    return rules


def _kept(match: re.Match[str]) -> str:
    """Return a string of a style sheet if it can stand in a selector; comments are left out."""
    return match[0] if re.fullmatch(r"[\"'][\w .#-]*[\"']", match[0]) else " "


def _blocks(sheet: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (selectors, declarations, whether they surely apply) of a style sheet."""
    open_: list[bool | None] = [True]  # None: what is in this block does not apply
    prelude = ""
    start = 0
    in_rule = False
    for match in re.finditer(r"[{};]", sheet):
        if match[0] == ";":
            if not in_rule:
                start = match.end()
            continue
        text = sheet[start : match.start()]
        start = match.end()
        if match[0] == "}":
            if in_rule and open_[-1] is not None:
                yield prelude, text, open_[-1]
            in_rule = False
            if len(open_) > 1:
                open_.pop()
            continue
        outer = open_[-1]
        if in_rule:  # a rule in a rule: its selector depends on that one
            if outer is not None:
                yield prelude, text.rpartition(";")[0], outer
            open_.append(None)
            in_rule = False
            continue
        prelude = text.strip().lower() if text.lstrip().startswith("@") else text.strip()
        if prelude.startswith("@"):
            open_.append(_within(prelude, outer))
        else:
            in_rule = True
            open_.append(outer)


def _within(prelude: str, outer: bool | None) -> bool | None:
    """Tell whether what is in a block such as `@media` applies: surely, perhaps, or not (None)."""
    name, _, condition = prelude.partition(" ")
    if name == "@media":
        inner = _applies(condition.strip())
    else:
        inner = {"@layer": True, "@supports": False, "@container": False}.get(name)
    return None if outer is None or inner is None else outer and inner


def _applies(media: str) -> bool | None:
    """Tell whether a list of media holds on a screen: surely, perhaps, or not (None)."""
    kinds = [kind.strip() for kind in media.split(",")]
    if any(kind in ("", "all", "screen", "only screen") for kind in kinds):
        return True
    others = ("print", "only print", "speech", "aural", "braille")
    return None if all(kind.split(" and")[0] in others for kind in kinds) else False


def _rule(
    selector: str, declarations: tuple[tuple[str, str, bool], ...], sure: bool, number: int
) -> _Rule | None:
    """Return a rule; None if its selector is for no element of the page as it opens."""
    pieces = re.findall(r"[>+~]|(?:[^\s>+~\[(]|\[[^\]]*\]|\([^()]*\))+", selector[:1_000])
    parts: list[_Part] = []
    children: list[bool] = []
    child = False
    specificity = [0, 0, 0]
    for piece in pieces:
        if piece in "+~":
            sure, parts, children = False, [], []
            continue
        if piece == ">":
            child = True
            continue
        names, tests = set(), []
        end = 0
        for match in _COMPOUND.finditer(piece):
            if match.start() != end:
                return None
            end = match.end()
            if match["tag"]:
                names.add(match["tag"].lower())
                specificity[2] += match["tag"] != "*"
            elif match["class"]:
                names.add("." + re.sub(r"\\(.)", r"\1", match["class"]))
                specificity[1] += 1
            elif match["id"]:
                names.add("#" + re.sub(r"\\(.)", r"\1", match["id"]))
                specificity[0] += 1
            elif match["attribute"]:
                tests.append(
                    (match["attribute"].lower(), match["test"] or "", match["value"] or "")
                )
                specificity[1] += 1
            elif match["pseudo"].lower() == ":root":
                names.add("html")
                specificity[1] += 1
            elif _NOT_AT_FIRST.match(match["pseudo"].lower()):
                return None
            else:
                sure = False
                specificity[1] += 1
        if end != len(piece):
            return None
        if parts:
            children.append(child)
        child = False
        parts.append(_Part(frozenset(names - {"*"}), tuple(tests)))
    if not parts or len(parts) > _PARTS_LIMIT:
        return None
    if not sure:
        declarations = tuple(
            (name, _unsure(name, value), important) for name, value, important in declarations
        )
        declarations = tuple(declaration for declaration in declarations if declaration[1])
    if not declarations:
        return None
    needs = frozenset().union(*(part.names for part in parts[:-1]))
    return _Rule(tuple(parts), tuple(children), needs, (*specificity, number), declarations)


def _unsure(name: str, value: str) -> str:
    """Return what a declaration that may not apply is taken to say; "" to leave it out."""
    if name in ("color", "background-color", "background-image"):
        return "unknown"
    hides = name == "font-size" and _is_tiny(value, False)
    hides |= name == "visibility" and value in ("hidden", "collapse")
    hides |= name == "text-decoration" and "line-through" in value
    hides |= name == "overflow" or _is_unseen(
        {name: value, "position": "fixed", "overflow": "clip"}
    )
    return "" if hides else value

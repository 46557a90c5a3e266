"""Writes MathML and TeX formulas on one line: "(a + b)/2", "x^2", "V_max", "√(x)"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

_SIMPLE = re.compile(r"[-+\u2212\u00b1]?[\w.\u0300-\u036f′°%*∗∞]*")
_SPACED = set("=<>≤≥≈≠≡∼≃≅∝±∓×·⋅÷+-−→←↔⇒⇔∈∉∪∩∣∧∨≪≫*∗")
_SIGNS = set("+-−±∓")
_ACCENTS = {
    **dict.fromkeys("¯ˉ‾-−_\u0304\u0305", "\u0304"),
    **dict.fromkeys("^ˆ\u0302", "\u0302"),
    **dict.fromkeys("~˜∼\u0303", "\u0303"),
    **dict.fromkeys("˙.\u0307", "\u0307"),
    **dict.fromkeys("→⃗\u20d7", "\u20d7"),
}
_SCRIPTED = {"msub", "msup", "msubsup", "munder", "munderover"}
_CLOSING = set(")]}|!%′")
_INVISIBLE = str.maketrans({"\u2061": " ", "\u2062": "", "\u2063": "", "\u2064": " "})
_UNSEEN = {"annotation", "annotation-xml", "mphantom", "none", "mprescripts", "maligngroup"}
_UNSEEN |= {"malignmark"}
_CONTENT = {"apply", "ci", "cn", "csymbol", "mstack", "mlongdiv"}  # of no use piece by piece


def math_text(element: Element) -> str:
    """Return a MathML element on one line; "" if it cannot be written as text.

    Names of elements are without namespaces.
    """
    if any(part.tag in _CONTENT for part in element.iter() if part.tag != "annotation-xml"):
        presented = element.find("semantics/*")
        if presented is None or any(part.tag in _CONTENT for part in presented.iter()):
            return ""
        element = presented
    return " ".join(_math(element).split())


def _math(element: Element) -> str:
    """Return one element of MathML."""
    tag = element.tag
    if tag in ("mi", "mn", "mo", "mtext", "ms", "math", "mrow") and not len(element):
        text = " ".join((element.text or "").split()).translate(_INVISIBLE)
        if tag == "mtext" and element.text and text:  # its white space is meant
            text = " " * element.text[:1].isspace() + text + " " * element.text[-1:].isspace()
        return text
    if tag in _UNSEEN or (tag == "menclose" and "strike" in element.get("notation", "")):
        return ""
    if tag == "mspace":
        return " "
    parts = [_math(child) for child in element]
    write = _SHAPES.get(tag)
    if write is not None:
        try:
            return write(parts)
        except IndexError:  # an operand is missing
            return " ".join(parts)
    if tag == "msqrt":
        return root([_row(_tagged(element, parts))])
    if tag == "mfenced":
        inside = (element.get("separators", ",") or " ")[0].strip() + " "
        return element.get("open", "(") + inside.join(parts) + element.get("close", ")")
    if tag == "mmultiscripts":
        return _multiscripts(element)
    if tag == "mtable":
        return "; ".join(filter(None, (part.strip() for part in parts)))
    if tag in ("mtr", "mlabeledtr"):
        return " ".join(parts)
    if tag in ("semantics", "maction"):
        return parts[0] if parts else ""
    return _row(_tagged(element, parts))


def _tagged(element: Element, parts: Sequence[str]) -> list[tuple[str, str]]:
    """Return the parts of an element with their tags; a decorated operator stays an operator."""
    return [(_core(child).tag, part) for child, part in zip(element, parts, strict=True)]


def _core(element: Element) -> Element:
    while element.tag in ("mrow", "mstyle", "mpadded") and len(element) == 1:
        element = element[0]
    return element


def _row(parts: Sequence[tuple[str, str]]) -> str:
    """Return the parts of a row, each with its tag; signs between values are set apart."""
    pieces: list[str] = []
    tag_before, before = "", ""
    after_value = False  # then a plus or minus stands between two values
    for tag, part in parts:
        if not part:
            continue
        if tag != "mo":
            pieces.append(" " * _run_together(tag_before, before, tag, part) + part)
        elif part in _SPACED and (after_value or part not in _SIGNS):
            pieces.append(f" {part} ")
        else:
            gap = part == ";" or (part == "," and not before[-1:].isdigit())
            pieces.append(part + " " * gap)
        after_value = tag != "mo" or part in _CLOSING
        tag_before, before = tag, part
    return re.sub(" {2,}", " ", "".join(pieces))


def _run_together(tag_before: str, before: str, tag: str, part: str) -> bool:
    """Tell whether two values need a space between them to stay what they are."""
    if not (before[-1:].isalnum() or before[-1:] == ")") or not re.match(r"[\w(√]", part):
        return False
    if {tag_before, tag} & {"mfrac", "mtext"} or tag_before in _SCRIPTED:
        return True
    return (len(before) > 1 and before.isalpha()) or (len(part) > 1 and part.isalpha())


def _wrapped(text: str) -> str:
    """Return `text` in brackets unless it is a single value."""
    text = text.strip()
    if _SIMPLE.fullmatch(text) or _is_bracketed(text) or text in _CLOSING:
        return text
    return f"({text})"


def _is_bracketed(text: str) -> bool:
    """Tell whether one pair of brackets encloses all of `text`."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if not depth:
            return at == len(text) - 1
    return False


def fraction(parts: Sequence[str]) -> str:
    """Return "a/b"; parts that are not single values are in brackets."""
    return f"{_wrapped(parts[0])}/{_wrapped(parts[1])}"


def power(parts: Sequence[str]) -> str:
    """Return "x^2"; a prime or degree sign is written as it is."""
    exponent = parts[1].strip()
    if not exponent:
        return parts[0]
    if exponent in ("∘", "°"):
        return parts[0] + "°"
    if not exponent.strip("′″'"):
        return parts[0] + exponent
    return f"{_wrapped(parts[0])}^{_wrapped(exponent)}"


def index(parts: Sequence[str]) -> str:
    """Return "x_1"."""
    return f"{parts[0].strip()}_{_wrapped(parts[1])}" if parts[1].strip() else parts[0]


def accented(parts: Sequence[str]) -> str:
    """Return "x̄" for a letter with an accent above; a limit is written as a power."""
    base, sign = parts[0].strip(), parts[1].strip()
    if sign in _ACCENTS and len(base) == 1:
        return base + _ACCENTS[sign]
    return f"{_wrapped(base)}{sign}" if sign in _ACCENTS else power(parts)


def root(parts: Sequence[str]) -> str:
    """Return "√(x)", or "√[3](x)"."""
    degree = f"[{parts[1].strip()}]" if len(parts) > 1 else ""
    inside = parts[0].strip()
    return f"√{degree}{inside if _is_bracketed(inside) else f'({inside})'}"


def _limits(parts: Sequence[str]) -> str:
    """Return "x_1^2"."""
    above = parts[2].strip()
    return index(parts) + (f"^{_wrapped(above)}" if above else "")


def _multiscripts(element: Element) -> str:
    """Return a base with its scripts, those in front of it first."""
    base, *scripts = list(element) or [Element("none")]
    texts = [None if one.tag == "mprescripts" else _math(one) for one in scripts]
    cut = texts.index(None) if None in texts else len(texts)
    after = [text or "" for text in texts[:cut]]
    before = [text or "" for text in texts[cut + 1 :]]

    def pairs(values: list[str]) -> str:
        marks = ("_" if n % 2 == 0 else "^" for n in range(len(values)))
        written = zip(marks, values, strict=True)
        return "".join(mark + _wrapped(value) for mark, value in written if value.strip())

    front = pairs(before)
    return (f"{front} " if front else "") + _math(base) + pairs(after)


_SHAPES = {
    "mfrac": fraction,
    "msup": power,
    "msub": index,
    "munder": index,
    "mover": accented,
    "msubsup": _limits,
    "munderover": _limits,
    "mroot": root,
}


_SYMBOLS = """
alpha α  beta β  gamma γ  delta δ  epsilon ϵ  varepsilon ε  zeta ζ  eta η  theta θ  vartheta ϑ
iota ι  kappa κ  lambda λ  mu μ  nu ν  xi ξ  pi π  rho ρ  varrho ϱ  sigma σ  tau τ  upsilon υ
phi ϕ  varphi φ  chi χ  psi ψ  omega ω  Gamma Γ  Delta Δ  Theta Θ  Lambda Λ  Xi Ξ  Pi Π  Sigma Σ
Upsilon Υ  Phi Φ  Psi Ψ  Omega Ω  le ≤  leq ≤  leqslant ≤  ge ≥  geq ≥  geqslant ≥  ne ≠  neq ≠
to →  rightarrow →  longrightarrow →  dots …  ldots …  cdots …  lbrace {  { {  rbrace }  } }
vert |  mid |  lvert |  rvert |  | |  times ×  cdot ·  div ÷  pm ±  mp ∓  approx ≈  sim ~  equiv
≡  propto ∝  infty ∞  circ °  degree °  prime ′  sum ∑  prod ∏  int ∫  partial ∂  nabla ∇  in ∈
cup ∪  cap ∩  ll ≪  gg ≫  lt <  gt >  leftarrow ←  ell ℓ  uparrow ↑  downarrow ↓  Rightarrow ⇒
forall ∀  simeq ≃  % %  # #  & &  _ _  $ $  micro µ  upmu µ  langle <  rangle >  ast *  star *
colon :  cong ≅  lnot ¬  neg ¬
"""
_FUNCTIONS = "ln log exp sin cos tan max min lim arg det Pr sup inf"
_COMMANDS = dict(zip(_SYMBOLS.split()[::2], _SYMBOLS.split()[1::2], strict=True))
_COMMANDS |= {name: f" {name} " for name in _FUNCTIONS.split()}
_SPACES = {",", ";", ":", " ", "quad", "qquad", "\n", "thinspace", "enspace", "space"}
_NOTHING = {"!", "left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr"}
_NOTHING |= {"displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "nonumber", "hfill"}
_NOTHING |= {"rm", "it", "bf", "left.", "right.", "notag", "negthinspace", "mathop", "mathrel"}
_GROUPS = {
    "text",
    "mathrm",
    "mathit",
    "mathbf",
    "mathsf",
    "mathtt",
    "operatorname",
    "textit",
    "mbox",
}
_GROUPS |= {"textrm", "textbf", "textsf", "hbox", "boldsymbol", "bm", "mathcal", "mathbb", "rm"}
_GROUPS |= {"textnormal", "ensuremath", "mathnormal", "underline", "emph", "boxed", "mathfrak"}
_PLAIN = {"text", "textrm", "textit", "textbf", "textsf", "mbox", "hbox", "textnormal"}
_TEX_ACCENTS = {"bar": "¯", "overline": "¯", "hat": "^", "widehat": "^", "tilde": "~", "dot": "˙"}
_TEX_ACCENTS |= {"widetilde": "~", "vec": "→"}
_TEX_TOKEN = re.compile(r"\\(?:[A-Za-z]+\*?|.)|[{}^_&$~]|\s+|\d+(?:\.\d+)?|.", re.DOTALL)
_TEX_LIMIT = 20_000  # characters of a formula
_TEX_DEPTH = 40  # nested groups


def tex_text(source: str) -> str:
    """Return a TeX formula on one line; "" if it has a command that is not known here."""
    body = re.search(r"\\begin\{document\}(.*?)\\end\{document\}", source, re.DOTALL)
    source = body[1] if body else source
    if len(source) > _TEX_LIMIT:
        return ""
    source = re.sub(r"(?<!\\)%[^\n]*", "", source)  # comments
    source = re.sub(r"\\(?:begin|end)\{[a-z]*\*?\}(?:\{[lcr|\s]*\})?", " ", source)
    source = re.sub(r"\\(?:label|vspace\*?|hspace\*?)\{[^{}]*\}|\\[\[\]()]", " ", source)
    try:
        return " ".join(_Tex(source).text().split())
    except ValueError:
        return ""


class _Tex:
    """Reads TeX token by token."""

    def __init__(self, source: str) -> None:
        self._tokens = _TEX_TOKEN.findall(source)
        self._at = 0
        self._depth = 0

    def text(self) -> str:
        """Return all of it.

        Raises:
            ValueError: unknown command, or brackets that do not match.
        """
        text = _row(self._parts(""))
        if self._at < len(self._tokens):
            raise ValueError
        return text

    def _parts(self, end: str) -> list[tuple[str, str]]:
        """Return the parts up to the token `end`, with the MathML tag that each would have."""
        self._depth += 1
        if self._depth > _TEX_DEPTH:
            raise ValueError
        parts: list[tuple[str, str]] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token == "}" or token == end:
                break
            self._at += 1
            if token in "^_":
                tag, base = parts.pop() if parts else ("mi", "")
                script = self._operand()
                if tag == "msub" and token == "^":
                    parts.append(("msubsup", f"{base}^{_wrapped(script)}"))
                elif token == "^":
                    parts.append(("msup", power([base, script])))
                else:
                    parts.append(("msub", index([base, script])))
            elif (part := self._part(token))[1]:
                parts.append(part)
        self._depth -= 1
        return parts

    def _operand(self) -> str:
        """Return the group or single token that a command applies to."""
        while self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1
        if self._at == len(self._tokens):
            raise ValueError
        token = self._tokens[self._at]
        if token == "}":
            raise ValueError
        if token[0].isdigit():  # "\frac12" is a half, "x^10" is x^1 and a 0
            self._tokens[self._at : self._at + 1] = list(token)
            token = token[0]
        self._at += 1
        return self._group() if token == "{" else self._part(token)[1]

    def _group(self) -> str:
        text = _row(self._parts("}"))
        if self._at == len(self._tokens):
            raise ValueError
        self._at += 1
        return text

    def _part(self, token: str) -> tuple[str, str]:
        """Return the tag and text of what starts with `token`."""
        if token == "{":
            group = self._group().strip()
            return ("mo" if len(group) == 1 and not group.isalnum() else "mrow"), group
        if token == "$":
            return "mspace", ""
        if token.isspace() or token in "&~":
            return "mspace", " " if token in "&~" else ""
        if not token.startswith("\\"):
            kind = "mn" if token[0].isdigit() else "mi" if token.isalpha() else "mo"
            return kind, token
        name = token[1:]
        if name == "\\":
            return "mspace", "; "
        if name in _SPACES:
            return "mspace", " "
        if name in _NOTHING:
            return "mspace", ""
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            return "mfrac", fraction([self._operand(), self._operand()])
        if name == "sqrt":
            return "msqrt", self._root()
        if name in _PLAIN:
            return "mtext", self._verbatim()
        if name in _GROUPS:
            return "mi", self._operand()
        if name in _TEX_ACCENTS:
            return "mi", accented([self._operand(), _TEX_ACCENTS[name]])
        if name == "tag":
            return "mtext", f" ({self._operand()})"
        if name in _COMMANDS:
            sign = _COMMANDS[name]
            return ("mi" if sign.strip().isalpha() else "mo"), sign
        raise ValueError

    def _root(self) -> str:
        if self._tokens[self._at : self._at + 1] != ["["]:
            return root([self._operand()])
        self._at += 1
        degree = _row(self._parts("]"))
        self._at += 1
        return root([self._operand(), degree])

    def _verbatim(self) -> str:
        """Return a group of words as they stand."""
        if self._tokens[self._at : self._at + 1] != ["{"]:
            return self._operand()
        close = self._at
        while close < len(self._tokens) and self._tokens[close] != "}":
            close += 1
        words = "".join(self._tokens[self._at + 1 : close])
        if "{" in words or "\\" in words or close == len(self._tokens):
            return self._operand()
        self._at = close + 1
        return words

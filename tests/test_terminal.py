"""Any terminal can show any text: no sign is lost, no document controls the terminal."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from medrag.terminal import plain

READABLE = [
    ("“a” – ‘b’…", "\"a\" - 'b'..."),
    ("≥ 7 and ≤ 3, ± 1, 5 × 10⁹/L, 10⁻³", ">= 7 and <= 3, +/- 1, 5 x 10^9/L, 10^-3"),
    ("−5 dioptres", "-5 dioptres"),
    ("50 µg, 50 μg/kg", "50 mcg, 50 mcg/kg"),
    ("5 µmol/L, 3 µL, 2 µm, μ-opioid", "5 umol/L, 3 uL, 2 um, mu-opioid"),
    ("a hazard ratio of 0·5", "a hazard ratio of 0.5"),
    ("confidence 0.5 · it says no", "confidence 0.5 | it says no"),
    ("1½ tablets, ½ a tablet", "1 1/2 tablets, 1/2 a tablet"),
    ("38.5 °C, m², H₂O", "38.5 degC, m^2, H2O"),
    ("α-blocker, Δ, Crohn’s, café, naïve", "alpha-blocker, Delta, Crohn's, cafe, naive"),
    ("5\u00a0mg\u202f3\u2009x", "5 mg 3 x"),
    ("A → B ↑ ∝", "A -> B (up) (proportional to)"),
    ("٣ mg", "3 mg"),
    ("soft\u00adhyphen", "softhyphen"),
    ("肾 \udcff", "? ?"),
]


class Ascii(io.StringIO):
    encoding = "ascii"


@pytest.mark.parametrize(("text", "shown"), READABLE)
def test_text_is_readable_in_ascii(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Ascii())
    assert plain(text) == shown


@pytest.mark.parametrize(("text", "shown"), READABLE)
def test_an_encoding_keeps_what_it_has(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Ascii()
    stream.encoding = "utf-8"
    monkeypatch.setattr(sys, "stdout", stream)
    assert "\udcff" not in plain(text)
    if text.isprintable():
        assert plain(text) == text


def test_nothing_in_a_text_controls_the_terminal() -> None:
    hostile = "a\x1b[31mb\x07\u202ec\u2066\n\t[red]d"
    assert plain(hostile) == "a·[31mb·c· \\[red]d"
    assert plain(hostile, lines=True) == "a·[31mb·c\n \\[red]d"
    assert plain("می\u200cشود") == "می\u200cشود"  # the joiner belongs to the word


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_standard_streams_take_and_give_any_text(encoding: str) -> None:
    code = (
        "import sys; from medrag.terminal import prepare_streams; prepare_streams(); "
        "print(sys.stdin.read(), '“≥ 50 µg” \\udcff'); print('≥', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="µ \xff".encode() if encoding == "ascii" else b"\xff",
        env={"PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    said = done.stdout.decode(encoding)
    assert ("≥ 50 µg" in said) is (encoding == "utf-8")
    if encoding != "utf-8":
        assert ">= 50 mcg" in said or ">= 50 µg" in said
        assert done.stderr.decode(encoding).strip() == ">="

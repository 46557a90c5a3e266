"""Questions one after the other in the terminal: line editing, history, follow-ups, commands."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_state_dir

from .answer_view import say, show, show_hits, show_reasons
from .errors import HttpError, ModelError, QuestionError
from .followups import refers_back
from .pipeline import RAGPipeline
from .progress import console
from .rewriting import in_full
from .terminal import plain
from .types import Answer

_HELP = """\
Ask a question, or a follow-up that leaves out what is known: "and in children?", "how long?".
  sources  what was found for the last question: scores, places, addresses, flags
  why      why the last answer is what it is: support, confidence, what was held back
  help     this
  quit     or exit, an empty line, Ctrl-D
These words alone are commands; "why does metformin …" is a question."""
_HISTORY = 1000  # lines that are kept


class Dialogue:
    """What was asked last, and what is said to the next line."""

    def __init__(self, rag: RAGPipeline) -> None:
        self._rag = rag
        self._last: Answer | None = None

    def reply(self, line: str) -> bool:
        """Print what is said to a line; False if it ends the dialogue."""
        said = line.strip()
        command = said.lower()
        if command in ("", "quit", "exit"):
            return False
        if command in ("help", "help?"):
            say(f"\n{plain(_HELP, lines=True)}")
        elif command in ("sources", "sources?"):
            self._show_sources()
        elif command == "why":
            self._show_reasons()
        elif (question := self._in_full(said)) == said and command == "why?":
            self._show_reasons()  # it asks about nothing that the last question said
        elif question == said and refers_back(said):  # anything could be found
            say("\n[yellow]I do not know what this refers to; ask it in full.[/yellow]")
        else:
            self._ask(question, said)
        return True

    def _in_full(self, said: str) -> str:
        if self._last is None:
            return said
        return in_full(said, self._last.question, self._rag.generator)

    def _ask(self, question: str, said: str) -> None:
        if question != said:
            say(f"\n[dim]{plain(f'asked as: “{question}”')}[/dim]")
        try:
            answer = self._rag.query(question)
        except (QuestionError, ModelError, HttpError) as error:  # the next one may do
            say(f"\n[red]{plain(str(error), lines=True)}[/red]")
            return
        self._last = answer
        show(answer)

    def _show_sources(self) -> None:
        if self._last is None:
            say("\nNothing has been asked yet.")
        elif self._last.hits:
            show_hits(self._last.hits)
        else:
            say("\nNothing was found.")

    def _show_reasons(self) -> None:
        if self._last is None:
            say("\nNothing has been asked yet.")
            return
        rag, grounding = self._rag, self._rag.config.grounding
        setting = "target_risk" if grounding.target_risk else "min_confidence"
        draft = rag.draft(self._last.question)
        calibration, _ = rag.calibration
        name = f"grounding.{setting}"
        show_reasons(draft.answer, draft.signals, calibration, rag.threshold, name)


def converse(rag: RAGPipeline) -> None:
    """Answer questions until an empty line or the end of the input.

    Raises:
        ArtefactError, ConfigError: see `RAGPipeline.query`; nothing can be answered.
    """
    dialogue = Dialogue(rag)
    say(
        plain(
            f"{rag.index.counts.documents:,} documents in {rag.index.location}. Ask a question, or "
            "enter an empty line to quit; help says more. Not medical advice."
        ),
        to=console,  # not among the answers
    )
    for line in _typed():
        with _without_echo():
            if not dialogue.reply(line):
                break


def _typed() -> Iterator[str]:
    """The lines that are typed."""
    on_terminal = sys.stdout.isatty()
    with _history():
        while True:
            print(file=sys.stderr)
            if not on_terminal:  # `input` would write the prompt among the answers
                print("? ", end="", file=sys.stderr, flush=True)
            try:
                yield input("? " if on_terminal else "")
            except EOFError:
                print(file=sys.stderr)
                return
            except KeyboardInterrupt:
                print(file=sys.stderr)  # leaves the line that was begun
                raise


@contextmanager
def _without_echo() -> Iterator[None]:
    """What is typed while an answer is made is shown at the next prompt, not within the answer."""
    try:
        import termios
    except ImportError:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = termios.tcgetattr(sys.stdin)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


@contextmanager
def _history() -> Iterator[None]:
    """Line editing, and the lines of earlier dialogues, where Python has readline.

    The history may name patients: nobody else can read it. Dialogues side by side keep theirs.
    """
    try:
        import readline
    except ImportError:
        yield
        return
    file = Path(user_state_dir("medrag")) / "history"
    readline.clear_history()
    readline.set_history_length(_HISTORY)
    with suppress(OSError):
        readline.read_history_file(file)
    known = readline.get_current_history_length()
    try:
        yield
    finally:
        with suppress(OSError):  # a home that cannot be written is no reason to fail
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.chmod(0o600)
            readline.append_history_file(readline.get_current_history_length() - known, file)
            file.chmod(0o600)

"""`medrag STAGE …` runs a stage, like `python -m medrag.STAGE …`; `medrag` alone lists them."""

from __future__ import annotations

import difflib
import runpy
import sys

from . import __version__
from .terminal import finish_output, prepare_streams

# (stage, what it is given, what it makes), in the order in which data flows.
COMMANDS = (
    ("build_index", "'corpus.paths=[DIR]'", "documents → outputs/index"),
    ("build_dataset", "dataset.questions=FILE", "questions + index → outputs/dataset"),
    ("train", "+experiment=qlora", "dataset → adapter (GPU; qlora_cpu: CPU)"),
    ("train", "+experiment=retriever", "dataset → tuned retriever"),
    ("evaluate", "evaluation.questions=FILE", "metrics over a question set"),
    ("ask", '"QUESTION"', "a grounded answer; no question: a dialogue"),
    ("verify", "FILE", "what of an answer's certificate no longer holds"),
    ("export", "MODEL", "files that need no medrag: safetensors, GGUF, ONNX"),
    ("runs", "[compare A B | lineage A]", "what was made, and of what"),
)
STAGES = tuple(dict.fromkeys(stage for stage, _, _ in COMMANDS))


def overview() -> str:
    """The commands, as they are printed if no stage is named."""
    lines = [
        f"  python -m medrag.{stage} {given}\n      {makes}" for stage, given, makes in COMMANDS
    ]
    return "\n".join(
        [
            f"medrag {__version__} — from medical documents to grounded, cited answers.",
            "Not medical advice.",
            "",
            *lines,
            "",
            "`medrag STAGE …` is short for `python -m medrag.STAGE …`. Write settings as",
            "NAME=VALUE. `--cfg job` shows all of them, `--help` the choices;",
            "`medrag ask --help` says how to ask.",
        ]
    )


def main() -> None:
    """Run the stage that the first argument names; exit with status 2 if there is no such stage."""
    stage, *arguments = sys.argv[1:] or ["--help"]
    if stage in ("-h", "--help"):
        prepare_streams()
        print(overview())
        finish_output()
        return
    if stage not in STAGES:
        from .cli import fail
        from .errors import ConfigError

        near = difflib.get_close_matches(stage, STAGES, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        fail(ConfigError(f"unknown stage {stage}; {meant}the stages are {', '.join(STAGES)}"))
    sys.argv[1:] = arguments
    runpy.run_module(f"{__package__}.{stage}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

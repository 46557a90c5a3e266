"""`python -m medrag` lists the stages."""

from __future__ import annotations

from . import __version__

STAGES = f"""\
medrag {__version__} — from medical documents to grounded, cited answers. Not medical advice.

  python -m medrag.build_index 'corpus.paths=[DIR]'      documents → outputs/index
  python -m medrag.build_dataset dataset.questions=FILE  questions + index → outputs/dataset
  python -m medrag.train +experiment=qlora               dataset → adapter (GPU; qlora_smoke: CPU)
  python -m medrag.train +experiment=retriever           dataset → tuned retriever
  python -m medrag.evaluate evaluation.questions=FILE    metrics over a question set
  python -m medrag.ask "QUESTION"                        a grounded answer; no question: a dialogue

Write settings as NAME=VALUE. `--cfg job` shows all of them, `--help` the choices."""


if __name__ == "__main__":
    print(STAGES)

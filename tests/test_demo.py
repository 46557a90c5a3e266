"""`make demo` as a newcomer runs it: it makes everything, and only once."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from medrag.manifest import open_artefact

ROOT = Path(__file__).resolve().parents[1]
ARTEFACTS = {
    "index": "index",
    "dataset": "dataset",
    "adapter": "models/smollm2-qlora",
    "evaluation": "evaluation",
}
SHORT = ["finetune.max_minutes=0", "finetune.max_steps=2", "finetune.held_out_rows=2"]
ANSI = re.compile(r"\x1b\[[0-9;]*m")

pytestmark = pytest.mark.slow


def environment(outputs: Path) -> dict[str, str]:
    """An empty home, no W&B key, no network for the hub, and a wide terminal."""
    return {
        "HOME": str(outputs.parent),
        "PATH": os.environ["PATH"],
        "HF_HUB_OFFLINE": "1",
        "DEMO_OUTPUTS": str(outputs),
        "DEMO_TRAINING": " ".join(SHORT),
        "COLUMNS": "200",
        "PYTHONPATH": str(ROOT),
    }


def demo(outputs: Path) -> str:
    """Everything the demo printed, as plain text."""
    done = subprocess.run(
        [sys.executable, "scripts/demo.py"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        cwd=ROOT,
        env=environment(outputs),
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "Traceback" not in done.stdout
    return ANSI.sub("", done.stdout)


def state(outputs: Path) -> dict[str, tuple[int, bytes]]:
    """The files of all artefacts, with modification time and content."""
    files: list[Path] = []
    for kind, where in ARTEFACTS.items():
        directory = outputs / where
        files += [directory / "manifest.json"]
        files += [directory / name for name in open_artefact(directory, kind).files]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def python_blocks() -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)


def shell_commands() -> list[list[str]]:
    """The stages' command lines in the bash blocks of README and usage page, in order."""
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/usage.md")]
    blocks = re.findall(r"^```bash\n(.*?)^```", "".join(pages), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    # The pages share some of them.
    typed = dict.fromkeys(line for line in lines if line.startswith("python -m medrag"))
    return [shlex.split(line) for line in typed]


def on_the_demo(
    outputs: Path, arguments: list[str], timeout: int = 300
) -> subprocess.CompletedProcess[str]:
    """Run Python in a directory with the demo's `outputs` and `samples`."""
    return subprocess.run(
        [sys.executable, *arguments],
        input="What is gout?\n\n",  # for the dialogue
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=outputs.parent,
        env=environment(outputs),
        check=False,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The artefacts of a first run, beside what the README's commands expect, and its output."""
    root = tmp_path_factory.mktemp("demo")
    outputs = root / "made"
    (root / "outputs").symlink_to(outputs)
    (root / "samples").symlink_to(ROOT / "samples")
    return outputs, demo(outputs)


def test_the_demo_makes_everything_and_shows_it(made: tuple[Path, str]) -> None:
    outputs, said = made
    for stage in ("build_index", "build_dataset", "train", "evaluate"):
        assert f"$ python -m medrag.{stage} " in said
    assert "up to date" not in said

    # three questions: two answered from a source, the third refused
    _, _, asked = said.partition("three questions")
    assert asked.count("\n? ") == 3
    answers, panel = asked.split("what was made", 1)
    for answer in answers.split("\n? ")[1:3]:
        assert "[1]" in answer
        assert "characters " in answer
        assert "do not say" not in answer
    assert "The documents do not say." in answers.split("\n? ")[3]
    assert "reye" in answers.split("\n? ")[1].lower()

    # the panel: what was made, where, and the numbers of the artefacts themselves
    for kind, where in ARTEFACTS.items():
        assert re.search(rf"{kind} +{re.escape(str(outputs / where))} ", panel), kind
    counts = {kind: open_artefact(outputs / where, kind) for kind, where in ARTEFACTS.items()}
    index, dataset = counts["index"].counts, counts["dataset"].counts
    assert f"{index['documents']} documents, {index['chunks']} chunks" in panel
    rows = " / ".join(str(dataset[name]["rows"]) for name in ("train", "validation", "test"))
    assert f"{rows} rows" in panel
    assert f"{counts['adapter'].counts['steps']} steps" in panel
    metrics = json.loads((outputs / "evaluation/metrics.json").read_text(encoding="utf-8"))
    figures = metrics["systems"]["medrag"]
    assert f"recall@5 {figures['retrieval']['recall@5']['value']:.2f}" in panel
    assert figures["retrieval"]["recall@5"]["value"] > 0.9
    assert figures["answers"]["coverage"]["value"] > 0.6
    assert figures["answers"]["right"]["value"] > 0.5
    assert figures["citations"]["resolved"]["value"] == 1.0
    assert "held-out rows with an answer" in said
    assert "extractive reader" in said
    assert "python -m medrag.ask" in panel
    assert "Not medical advice" in panel

    # each artefact names the one before it
    for child, parent in (("dataset", "index"), ("adapter", "dataset"), ("evaluation", "index")):
        assert counts[child].parents[parent].fingerprint == counts[parent].fingerprint


def test_a_second_run_makes_nothing_again(made: tuple[Path, str]) -> None:
    outputs, _ = made
    before = state(outputs)
    second = demo(outputs)
    stages = re.split(r"\$ python -m medrag\.", second.partition("three questions")[0])[1:]
    assert len(stages) == 4
    for stage in stages:
        assert "up to date" in " ".join(stage.split()), stage
    assert state(outputs) == before


# As they are typed, they take minutes on a CPU.
ONE_STEP = {
    "+experiment=qlora_cpu": [*SHORT, "finetune.seed=14"],
    "generator.adapter=outputs/models/smollm2-qlora": ["generator.max_new_tokens=8"],
    "medrag.evaluate": ["evaluation.limit=3"],
    "+experiment=retriever": [
        "retriever_tuning.max_steps=1",
        "retriever_tuning.batch_size=8",
        "retriever_tuning.written_questions=40",
        "retriever_tuning.held_out_questions=20",
    ],
    "+experiment=reranker": ["reranker_tuning.max_steps=1", "reranker_tuning.batch_size=4"],
}


@pytest.mark.parametrize("as_typed", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_code_and_the_commands_in_the_readme_run(
    made: tuple[Path, str], as_typed: bool
) -> None:
    outputs, _ = made
    shutil.rmtree(outputs / "index-tuned", ignore_errors=True)  # of another retriever
    index = open_artefact(outputs / "index", "index").counts
    done = on_the_demo(outputs, ["-c", "\n".join(python_blocks())])
    assert done.returncode == 0, done.stderr[-3000:]
    assert "etformin" in done.stdout
    for command in shell_commands():
        needs_gpu = any(word == "+experiment=qlora" or "mistral-7b" in word for word in command)
        if needs_gpu and shutil.which("nvidia-smi"):
            continue  # it would load or train Mistral-7B
        fewer = [] if as_typed else [one for word in command for one in ONE_STEP.get(word, [])]
        done = on_the_demo(outputs, [*command[1:], *fewer], timeout=3600 if as_typed else 300)
        assert done.returncode == (2 if needs_gpu else 0), (command, done.stderr[-3000:])
        assert "Traceback" not in done.stderr
    assert open_artefact(outputs / "models/retriever", "retriever").counts["asked"] > 15
    assert open_artefact(outputs / "index-tuned", "index").counts == index

"""In the shell, a mistake prints one clear line and exits with status 2."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from medrag.ask import split_question
from medrag.cli import check_overrides, conf_dir, register_schema, split_options, to_config
from medrag.config import Config
from medrag.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
HAS_GPU = shutil.which("nvidia-smi") is not None or Path("/dev/nvidiactl").exists()


def medrag(where: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module with an empty home directory, and without a network or a terminal."""
    environment = {"HOME": str(where), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=where,
        env=environment | {"HF_HUB_OFFLINE": "1"},
        check=False,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The error message of a stage that printed nothing else."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    return done.stderr.removeprefix("error: ").removesuffix("\n")


def composed(*overrides: str) -> Config:
    register_schema()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        return to_config(compose("config", overrides=list(overrides)))


# ------------------------------------------------------------------ overrides, directly

MISTAKES = [
    # a misspelt name
    ("index.dri=x", "unknown setting index.dri; did you mean index.dir? index has: dir, kind"),
    ("retriver.k=3", "did you mean retriever? the top level has: "),
    ("corpus.fields.txt=x", "did you mean corpus.fields.text? corpus.fields has: text, title"),
    ("index.xyzzy=1", "unknown setting index.xyzzy; index has: dir, kind"),
    ("index.dir.sub=x", "index.dir is a single value"),
    # a wrong type
    ("retriever.k=many", "retriever.k=many: Value 'many' … Integer"),
    ("retriever.k=2.5", "retriever.k=2.5: "),
    ("retriever.k=null", "retriever.k=null:  … not Optional"),
    ("retriever.k=", "retriever.k=: "),
    ("index.rebuild=perhaps", "index.rebuild=perhaps:  … not a valid bool"),
    ("corpus.paths=abc", "corpus.paths=abc: "),
    ("corpus.fields.text=[a]", "corpus.fields.text"),
    ("retriever=dense", "retriever=dense: "),
    ("++retriever.k=many", "Integer"),
    # an unknown choice
    ("retriever.mode=fuzzy", "expected one of [dense, lexical, hybrid"),
    ("generator=gpt", "generator=gpt: the choices of generator are extractive, hf, openai"),
    ("generator.kind=gpt", "expected one of [extractive, hf, openai"),
    ("+experiment=qlra", "the choices of experiment are distil, dpo, qlora, qlora_cpu"),
    # quotes and brackets
    ("corpus.paths=[a", "corpus.paths=[a:  … put quotes around special values"),
    ("corpus.paths=a]", "put quotes around special values"),
    ("index.dir=a:{b", "put quotes around special values"),
    ("'index.dir=x'", "put quotes around special values"),
]


@pytest.mark.parametrize(("argument", "told"), MISTAKES)
def test_a_mistake_is_reported_in_one_line(argument: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_overrides(["index.dir=fine", argument, "retriever.k=3"])
    message = str(caught.value)
    assert [part for part in told.split(" … ") if part not in message] == []
    assert "\n" not in message


RIGHT = [
    "index.dir=elsewhere",
    "index.dir='with spaces, and = signs'",
    "corpus.paths=[a,b/c,https://example.org/x.pdf]",
    "corpus.paths=[]",
    "generator=hf",
    "retriever.mode=lexical",
    "retriever.dense_weight=1",
    "index.rebuild=true",
    "evaluation.ks=[1,5]",
    "++retriever.k=7",
    "+experiment=qlora_smoke",
    "+experiment=[qlora_cpu,dpo]",
    "index.dir=${tracking.dir}/index",
    "hydra.run.dir=here",
]


@pytest.mark.parametrize("argument", RIGHT)
def test_valid_overrides_are_accepted(argument: str) -> None:
    check_overrides([argument])
    if not argument.startswith("hydra."):
        assert composed(argument) != Config() or argument == "corpus.paths=[]"


def test_several_values_need_a_sweep() -> None:
    check_overrides(["retriever.k=1,3,5", "generator=extractive"], sweep=True)
    with pytest.raises(ConfigError, match="--multirun"):
        check_overrides(["retriever.k=1,3,5"])


def test_options_and_their_values_are_separated_from_overrides() -> None:
    arguments = ["index.dir=x", "--cfg", "job", "+experiment=qlora", "--resolve"]
    options, overrides = split_options(arguments)
    assert options == ["--cfg", "job", "--resolve"]
    assert overrides == ["index.dir=x", "+experiment=qlora"]


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("experiment=qlora", r"\+experiment=qlora"),
        ("index", "NAME=VALUE"),
        ("=3", "NAME=VALUE"),
        ("+retriever.k=3", r"retriever\.k=3"),
        ("++index.dri=x", r"did you mean index\.dir\?"),
    ],
)
def test_overrides_that_hydra_would_refuse_are_refused_first(argument: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_overrides([argument])


def test_a_reference_to_nothing_is_reported_in_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        composed("index.dir=${nothing}")
    message = str(caught.value)
    assert "'nothing' not found" in message
    assert "index.dir" in message
    assert "\n" not in message


# ------------------------------------------------------------------ real processes


def test_a_misspelt_setting(tmp_path: Path) -> None:
    done = medrag(tmp_path, "medrag.build_index", "corpus.path=[notes]")
    assert complaint(done).startswith(
        "unknown setting corpus.path; did you mean corpus.paths? corpus has: paths, "
    )
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []  # refused before anything was written


def test_special_characters_in_a_message_are_shown_as_they_are(tmp_path: Path) -> None:
    done = medrag(tmp_path, "medrag.train", "finetune.dir=[bold]a[/bold", "finetune.lora_r=4")
    assert complaint(done).startswith("finetune.dir=[bold]a[/bold: ")
    assert done.stderr.count("\n") == 1


def test_a_value_out_of_range(tmp_path: Path) -> None:
    done = medrag(tmp_path, "medrag.evaluate", "retriever.k=0")
    assert complaint(done) == "retriever.k=0 cannot be used: give 1 or more"


def test_building_without_a_corpus(tmp_path: Path) -> None:
    done = medrag(tmp_path, "medrag.build_index", "tracking.wandb=disabled")
    told = complaint(done)
    assert told.startswith("corpus.paths is empty")
    assert "python -m medrag.build_index 'corpus.paths=[DIR]'" in told
    assert not (tmp_path / "outputs" / "index").exists()


def test_asking_without_an_index(tmp_path: Path) -> None:
    told = complaint(medrag(tmp_path, "medrag.ask", "What is gout?", "index.dir=here"))
    assert told == (
        "no index in here; make one with: "
        "python -m medrag.build_index 'corpus.paths=[DIR]' index.dir=here"
    )


@pytest.mark.skipif(HAS_GPU, reason="a GPU may well be able to run it")
def test_fine_tuning_mistral_on_a_laptop_stops_within_seconds(tmp_path: Path) -> None:
    start = time.monotonic()
    told = complaint(medrag(tmp_path, "medrag.train", "+experiment=qlora"))
    assert time.monotonic() - start < 20  # about two seconds on an idle machine
    assert "mistralai/Mistral-7B-Instruct-v0.2 cannot start here. Missing:" in told
    for missing in ("the dataset: there is none", "the weights: ", "a GPU: "):
        assert f"\n  - {missing}" in told
    assert "GB" in told
    assert "python -m medrag.train +experiment=qlora_cpu" in told


@pytest.mark.parametrize(
    "arguments", [["--cfg", "job", "retriever.k=9"], ["retriever.k=9", "--cfg", "job"]]
)
def test_all_settings_are_shown_with_their_defaults(tmp_path: Path, arguments: list[str]) -> None:
    done = medrag(tmp_path, "medrag.build_index", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    shown = to_config(OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(done.stdout)))
    assert shown.retriever.k == 9
    shown.retriever.k = Config().retriever.k
    assert shown == Config()
    settings = re.findall(r"^ *[\w]+:", done.stdout, re.MULTILINE)
    assert len(settings) > 60  # all of them, not only the overrides


def test_the_package_names_every_stage(tmp_path: Path) -> None:
    done = medrag(tmp_path, "medrag")
    assert done.returncode == 0
    package = ROOT / "medrag"
    stages = [
        path.stem
        for path in package.glob("*.py")
        if "\n    launch(" in path.read_text(encoding="utf-8")
    ]
    assert set(stages) >= {"build_index", "build_dataset", "train", "evaluate", "ask"}
    for stage in stages:
        assert f"python -m medrag.{stage} " in done.stdout


# ------------------------------------------------------------------ ask


@pytest.mark.parametrize(
    ("arguments", "question", "settings"),
    [
        (["What is gout?"], "What is gout?", []),
        (["What", "is", "gout?"], "What is gout?", []),
        (["retriever.k=3", "Is BMI=30 obesity?"], "Is BMI=30 obesity?", ["retriever.k=3"]),
        (["+experiment=x", "~generator", "why?"], "~generator why?", ["+experiment=x"]),
        (["generator=hf", "++a.b_c=1"], None, ["generator=hf", "++a.b_c=1"]),
        (["--help"], None, ["--help"]),
        ([], None, []),
        pytest.param(["--cfg", "job"], None, ["--cfg", "job"]),
    ],
)
def test_the_question_is_separated_from_the_settings(
    arguments: list[str], question: str | None, settings: list[str]
) -> None:
    assert split_question(arguments) == (question, settings)

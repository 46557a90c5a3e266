"""The wheel works outside the checkout: its stages find the configuration inside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from medrag import __version__

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "outputs", "build", "dist", "*.egg-info")
INFO = f"medrag-{__version__}.dist-info"
# Files without which the package does not work. The tables of the support check are listed below.
DATA = [
    "evaluation/answers.html.j2",
    "evaluation/comparison.html.j2",
    "evaluation/report.css",
    "evaluation/report.html.j2",
    "evaluation/report.js",
    "grounding/calibration.json",
    "retrieval/reader.safetensors",
    "retrieval/reranker.safetensors",
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, so that nothing is written into the checkout."""
    tree = tmp_path_factory.mktemp("tree") / "medrag"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    out = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(out)]
    pip("wheel", *options, str(tree))
    (built,) = out.glob("medrag-*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", str(folder), str(wheel))
    return folder


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def python(site: Path, where: Path, *arguments: str) -> str:
    """Run Python elsewhere, with the wheel first on the path, and return its output."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=where,
        env={"HOME": str(where), "PATH": os.defpath, "PYTHONPATH": str(site)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_the_package_and_its_configuration_and_nothing_else(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "medrag").rglob("*.py")
        if "__pycache__" not in path.parts
    }
    package |= {f"medrag/{name}" for name in DATA}
    package |= {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "medrag").rglob("tables/*.txt")
    }
    conf = {f"medrag/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert len(conf) > 3
    assert package | conf <= names
    rest = {name for name in names - package - conf if not name.endswith("py.typed")}
    assert {name.partition("/")[0] for name in rest} == {INFO}
    assert {f"{INFO}/licenses/LICENSE", f"{INFO}/licenses/NOTICE"} <= names


def test_the_installed_package_is_the_wheels_own(site: Path, tmp_path: Path) -> None:
    code = "import medrag, medrag.cli; print(medrag.__file__); print(medrag.cli.conf_dir())"
    module, conf = map(Path, python(site, tmp_path, "-c", code).splitlines())
    assert module == site / "medrag" / "__init__.py"
    assert conf == site / "medrag" / "conf"


def test_stages_find_the_packed_configuration(site: Path, tmp_path: Path) -> None:
    """A change to the packed experiment shows, so the checkout's is not read."""
    experiment = site / "medrag" / "conf" / "experiment" / "qlora.yaml"
    text = experiment.read_text(encoding="utf-8")
    experiment.write_text(text.replace("group: qlora", "group: from-the-wheel"), encoding="utf-8")
    shown = python(site, tmp_path, "-m", "medrag.train", "+experiment=qlora", "--cfg", "job")
    assert "base_model: mistralai/Mistral-7B-Instruct-v0.2\n" in shown
    assert "group: from-the-wheel\n" in shown
    shown = python(site, tmp_path, "-m", "medrag.build_index", "--help")
    assert "generator: extractive, hf, openai\n" in shown
    assert "experiment: " in shown

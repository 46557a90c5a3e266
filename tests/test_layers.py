"""Rules for imports, checked on the syntax tree: one direction, no cycles, nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "medrag"

# Packages and single files of medrag/, in the order data flows. Each imports only from itself and
# from earlier ones. Add new ones here.
ORDER = """
    interrupts errors config notebook types decoding hardware manifest workplace terminal progress
    tracking text metrics statistics
    clients ingestion embedding stores indexing retrieval generation grounding answering
    pipeline integrations certificates certificate_checks dataset finetuning evaluation
    answer_view subjects followups rewriting dialogue
    cli build_index build_dataset train evaluate ask verify runs export __main__
""".split()  # noqa: SIM905

# Packages that lazily re-export names of a later one, because users look for them there.
RE_EXPORTS = {("medrag.ingestion", "medrag.embedding")}

HEAVY_NAMES = """
    bitsandbytes cv2 datasets datasketch docx faiss jinja2 matplotlib onnx onnxruntime openvino peft
    pypdfium2 pytrec_eval rapidfuzz rapidocr redis scipy selectolax sentence_transformers tantivy
    torch transformers trl wandb
"""
HEAVY = set(HEAVY_NAMES.split())


@dataclass(frozen=True)
class Import:
    """An imported module, by absolute name, and how it is imported."""

    target: str
    line: int
    at_top: bool  # runs when the module itself is imported
    for_types: bool  # under `if TYPE_CHECKING:`


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def unit(module: str) -> str:
    """The folder or single file of medrag/ that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = MODULES[module].name == "__init__.py"
    base = module.split(".")[: None if is_package else -1]
    base = base[: len(base) - (node.level - 1)]
    return ".".join([*base, node.module] if node.module else base)


def targets(module: str, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = absolute(module, node)
    submodules = [f"{base}.{alias.name}" for alias in node.names]
    found = [name for name in submodules if name in MODULES]
    return found if len(found) == len(submodules) else [base, *found]


def walk(module: str, node: ast.AST, at_top: bool, for_types: bool) -> Iterator[Import]:
    for target in targets(module, node):
        yield Import(target, getattr(node, "lineno", 0), at_top, for_types)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        at_top = False
    guards = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    guarded = node.body if isinstance(node, ast.If) and guards else []
    for child in ast.iter_child_nodes(node):
        yield from walk(module, child, at_top, for_types or child in guarded)


@cache
def imports(module: str) -> tuple[Import, ...]:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return tuple(walk(module, tree, at_top=True, for_types=False))


def inner_imports(module: str) -> list[Import]:
    """Imports of medrag's own modules, without the lazy re-exports."""
    return [
        found
        for found in imports(module)
        if found.target.split(".")[0] == "medrag"
        and not (found.for_types and (module == "medrag" or _is_re_export(module, found.target)))
    ]


def _is_re_export(module: str, target: str) -> bool:
    return any(module == one and target.startswith(other) for one, other in RE_EXPORTS)


def test_every_module_has_its_place() -> None:
    assert {unit(module) for module in MODULES} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "medrag"])
def test_a_module_imports_only_from_its_package_and_from_earlier_ones(module: str) -> None:
    wrong = []
    for found in inner_imports(module):
        assert found.target in MODULES, f"{module}:{found.line} imports unknown {found.target}"
        here, there = unit(module), unit(found.target)
        if there not in ("__init__", here) and ORDER.index(there) > ORDER.index(here):
            wrong.append(f"line {found.line}: {found.target}")
    assert wrong == []


def test_there_are_no_import_cycles() -> None:
    """Imports inside functions count too: a late cycle is still a cycle."""
    graph = {module: {found.target for found in inner_imports(module)} for module in MODULES}
    assert sum(map(len, graph.values())) > len(MODULES)  # the graph is not empty
    while leaves := {module for module, out in graph.items() if not out}:
        graph = {module: out - leaves for module, out in graph.items() if module not in leaves}
    assert graph == {}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_starts_with_its_purpose(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_imported_where_they_are_used(module: str) -> None:
    heavy = [
        f"line {found.line}: {found.target}"
        for found in imports(module)
        if found.at_top and not found.for_types and found.target.split(".")[0] in HEAVY
    ]
    assert heavy == []


def test_the_heavy_packages_are_really_used_somewhere() -> None:
    """A misspelt name in HEAVY would check nothing."""
    used = {found.target.split(".")[0] for module in MODULES for found in imports(module)}
    assert used >= HEAVY


def test_importing_medrag_loads_nothing_heavy() -> None:
    code = (
        "import sys, time; start = time.process_time(); import medrag\n"
        "print(time.process_time() - start)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, loaded = done.stdout.splitlines()
    assert not {*HEAVY, "hydra", "numpy", "omegaconf", "rich"} & set(loaded.split())
    assert float(seconds) < 0.2  # of processor time, so that a busy machine does not matter


def test_every_public_name_is_there() -> None:
    import medrag

    assert [name for name in medrag.__all__ if getattr(medrag, name, None) is None] == []
    with pytest.raises(AttributeError, match="RAGPipelin"):
        _ = medrag.RAGPipelin

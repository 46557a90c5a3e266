"""Without its library, an integration says which extra to install; medrag itself needs neither."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("module", "library", "package", "extra"),
    [
        ("langchain", "langchain_core", "langchain-core", "langchain"),
        ("llama_index", "llama_index", "llama-index", "llama-index"),
        ("llama_index", "llama_index.core", "llama-index", "llama-index"),
    ],
)
def test_a_missing_library_is_one_clear_error(
    module: str, library: str, package: str, extra: str
) -> None:
    done = run(f"import sys; sys.modules[{library!r}] = None; import medrag.integrations.{module}")
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("medrag.errors.ConfigError: ")
    assert f"the package {package}" in said and f"pip install 'medrag[{extra}]'" in said


def test_a_damaged_library_is_not_called_missing() -> None:
    done = run("import sys; sys.modules['pydantic'] = None; import medrag.integrations.langchain")
    assert done.returncode == 1
    assert "pydantic" in done.stderr and "ConfigError" not in done.stderr


def test_medrag_loads_neither() -> None:
    done = run("import sys, medrag.integrations; print(*sys.modules)")
    assert done.returncode == 0
    assert not {"langchain_core", "llama_index"} & {*done.stdout.split()}

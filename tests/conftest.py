"""Shared parts of the tests: the packaged MiniLM, small corpora, and no way to the network."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: cores may be shared
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from medrag import CorpusConfig, EmbedderConfig, IndexConfig, PipelineConfig
from medrag.config import Backend, Device, Precision
from medrag.indexing import BuildReport, IndexBuilder
from medrag.ingestion import TextEmbedder
from tests.crash.tiny_encoder import make_tiny_encoder
from tests.redis_server import RedisServer

NOTES = {
    "gout.txt": (
        "Gout\n\nGout is caused by crystals of uric acid in a joint. A first attack often strikes "
        "the big toe. Colchicine or naproxen calm an acute attack. Allopurinol lowers uric acid "
        "and prevents further attacks."
    ),
    "asthma.md": (
        "# Asthma\n\n## Relief\n\nSalbutamol opens the airways within minutes.\n\n"
        "## Prevention\n\nInhaled steroids such as budesonide reduce the inflammation."
    ),
    "sub/malaria.txt": (
        "Malaria\n\nMalaria is spread by Anopheles mosquitoes. Severe malaria is treated with "
        "intravenous artesunate."
    ),
}


# Every way in which a CPU can run the embedder, so that the suite does not depend on which of them
# the machine at hand would choose.
BACKENDS = {
    "onnxruntime": EmbedderConfig(backend=Backend.onnxruntime),
    "openvino": EmbedderConfig(backend=Backend.openvino),
    "torch": EmbedderConfig(backend=Backend.torch, device=Device.cpu, precision=Precision.fp32),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--backend", choices=BACKENDS, help="run the embedder on this one only")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that uses the embedder on each backend."""
    if "backend_config" in metafunc.fixturenames:
        one = metafunc.config.getoption("backend")
        metafunc.parametrize("backend_config", [one] if one else [*BACKENDS], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest file, so that two processes end at about the same time."""
    items.sort(key=lambda item: item.path.name != "test_demo.py")


@pytest.fixture(scope="session")
def backend_config(request: pytest.FixtureRequest) -> EmbedderConfig:
    """The settings of the backend that the test runs on."""
    return BACKENDS[request.param]


@pytest.fixture(scope="session")
def embedder(backend_config: EmbedderConfig) -> TextEmbedder:
    """The real MiniLM, loaded once for each backend."""
    return TextEmbedder(backend_config)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a real encoder of one layer, with mean pooling."""
    return make_tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A directory with three short notes."""
    root = tmp_path / "corpus"
    for name, text in NOTES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def config(tmp_path: Path, corpus: Path) -> PipelineConfig:
    """Settings that index `corpus` into a directory of the test's own."""
    return PipelineConfig(
        corpus=CorpusConfig(paths=[str(corpus)]), index=IndexConfig(dir=str(tmp_path / "index"))
    )


@pytest.fixture
def build(config: PipelineConfig, embedder: TextEmbedder) -> Callable[[], BuildReport]:
    """Build the index of `config` as it is at the time of the call."""
    return lambda: IndexBuilder(config, embedder).mirror()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A developer's own cache directory, with the embeddings in it, stays out of it."""
    directory = tmp_path_factory.mktemp("cache")
    # Processes that share the suite also share what is converted: it takes seconds for each model.
    base = tmp_path_factory.getbasetemp()
    models = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "models"
    models.mkdir(exist_ok=True)
    (directory / "medrag").mkdir()
    (directory / "medrag/models").symlink_to(models)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_CACHE_HOME", str(directory))
        yield directory


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, _own_cache: Path) -> Iterator[None]:
    """Neither a developer's own W&B settings nor embeddings of another test reach a test."""
    for file in (_own_cache / "medrag").glob("embeddings*"):  # converted models may stay
        file.unlink()
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads do not help with small matrices, and waiting ones slow a busy machine down."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def start_redis() -> Iterator[Callable[..., RedisServer]]:
    """Starts real servers, with the options given; they end with the test."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not on PATH; to run it: apt-get install redis-server")
    servers: list[RedisServer] = []
    # Short: a socket's path has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:

        def start(*options: str) -> RedisServer:
            servers.append(RedisServer(Path(directory), *options))
            return servers[-1]

        yield start
        for server in servers:
            server.kill()

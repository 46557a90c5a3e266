"""Answers through a real chat-completions endpoint on the loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from medrag import CorpusConfig, GeneratorConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.errors import ConfigError, HttpError
from medrag.generation import open_generator
from medrag.generation.openai import OpenAIGenerator
from medrag.generation.prompts import REFUSAL, Prompt, Reply, build_messages
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from tests.conftest import NOTES

SECRET = "sk-never-to-be-shown"
QUESTION = "Which drug lowers uric acid?"
PROMPT = Prompt(QUESTION, (), build_messages(QUESTION, []))


@dataclass
class Endpoint:
    """What the server replies with, and what it was asked."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)

    def says(self, text: str | None) -> None:
        self.body = json.dumps({"choices": [{"message": {"content": text}}]}).encode()

    def streams(self, *events: object) -> None:
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        self.body = "".join(f"data: {line}\n\n" for line in lines).encode()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.connections.add(self.client_address[1])
            state.asked.append((self.path, dict(self.headers), sent))
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that leaves its connections behind is not worth a traceback."""

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, embedder: TextEmbedder) -> IndexConfig:
    root = tmp_path_factory.mktemp("openai")
    (root / "gout.txt").write_text(NOTES["gout.txt"], encoding="utf-8")
    config = PipelineConfig(
        corpus=CorpusConfig(paths=[str(root / "gout.txt")]), index=IndexConfig(str(root / "index"))
    )
    IndexBuilder(config, embedder).mirror()
    return config.index


def generator(url: str, timeout_s: float = 20.0) -> GeneratorConfig:
    return GeneratorConfig(
        kind="openai",  # type: ignore[arg-type]  # a plain string, as people write it
        base_url=url,
        model="some-model",
        timeout_s=timeout_s,
        max_new_tokens=77,
    )


@pytest.fixture
def rag(index: IndexConfig, endpoint: Endpoint, embedder: TextEmbedder) -> Iterator[RAGPipeline]:
    config = PipelineConfig(index=index, generator=generator(endpoint.url))
    with RAGPipeline(config, embedder) as pipeline:
        yield pipeline


def test_the_answer_is_grounded_and_cited(rag: RAGPipeline, endpoint: Endpoint) -> None:
    endpoint.says("Allopurinol lowers uric acid. [1] Aspirin 300 mg cures gout. [1]")
    result = rag.query(QUESTION)
    assert result.answer == "Allopurinol lowers uric acid. [1]"
    assert result.unsupported == ("Aspirin 300 mg cures gout.",)
    assert not result.abstained
    (source,) = result.sources
    assert source.text == "Allopurinol lowers uric acid and prevents further attacks."
    text = rag.index.document_text(source.document)
    assert text is not None and text[source.start : source.end] == source.text


def test_the_request_holds_the_one_prompt_and_nothing_else(
    rag: RAGPipeline, endpoint: Endpoint
) -> None:
    endpoint.says("Allopurinol lowers uric acid [1].")
    rag.query(f"  {QUESTION}\n")
    ((path, headers, sent),) = endpoint.asked
    assert path == "/v1/chat/completions"
    assert "Authorization" not in headers
    assert sent == {
        "model": "some-model",
        "messages": rag.prompt(QUESTION, rag.retrieve(QUESTION)).messages,
        "max_tokens": 77,
        "temperature": 0,
    }
    assert QUESTION in sent["messages"][0]["content"]


@pytest.mark.parametrize("said", [REFUSAL, "", None, "Bananas are yellow.", "[1]"])
def test_a_refusal_an_empty_reply_and_an_invention_abstain(
    rag: RAGPipeline, endpoint: Endpoint, said: str | None
) -> None:
    endpoint.says(said)
    result = rag.query(QUESTION)
    assert (result.answer, result.abstained, result.sources) == (REFUSAL, True, ())
    assert result.unsupported == (("Bananas are yellow.",) if said and "Ban" in said else ())


def test_an_unanswerable_question_is_not_sent(rag: RAGPipeline, endpoint: Endpoint) -> None:
    endpoint.says("Paris is the capital of France.")
    assert rag.query("Who won the football match in Paris yesterday?").abstained
    assert endpoint.asked == []


def test_it_works_where_an_event_loop_runs_already(rag: RAGPipeline, endpoint: Endpoint) -> None:
    endpoint.says("Allopurinol lowers uric acid [1].")

    async def cell() -> str:
        return rag.query(QUESTION).answer  # as a notebook's cell does

    assert asyncio.run(cell()) == "Allopurinol lowers uric acid. [1]"


def test_the_key_goes_into_the_header_and_into_no_error(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\n")
    endpoint.says("So it is.")
    assert OpenAIGenerator(generator(endpoint.url)).generate(PROMPT) == Reply("So it is.")
    assert endpoint.asked[0][1]["Authorization"] == f"Bearer {SECRET}"
    endpoint.status = 401
    with pytest.raises(HttpError, match="401") as failure:
        OpenAIGenerator(generator(endpoint.url)).generate(PROMPT)
    error: BaseException | None = failure.value
    while error is not None:
        assert SECRET not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__


def test_questions_of_many_threads_share_the_connections(endpoint: Endpoint) -> None:
    endpoint.says("So it is.")
    generator_ = open_generator(generator(endpoint.url))
    for _ in range(5):
        assert generator_.generate(PROMPT) == Reply("So it is.")
    assert len(endpoint.connections) == 1
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(generator_.generate, [PROMPT] * 24)) == {Reply("So it is.")}
    assert len(endpoint.connections) <= 8
    before = len(endpoint.connections)
    generator_.close()
    assert generator_.generate(PROMPT) == Reply("So it is.")
    assert len(endpoint.connections) == before + 1
    generator_.close()
    generator_.close()


def test_closing_does_not_disturb_questions_in_other_threads(endpoint: Endpoint) -> None:
    endpoint.says("So it is.")
    generator_ = open_generator(generator(endpoint.url))
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(generator_.generate, PROMPT) for _ in range(60)]
        while not all(answer.done() for answer in asked):
            generator_.close()
    assert {answer.result() for answer in asked} == {Reply("So it is.")}
    generator_.close()


def delta(text: str | None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}]}


def test_an_answer_is_streamed_in_pieces(endpoint: Endpoint) -> None:
    role = {"choices": [{"delta": {"role": "assistant"}}]}
    usage: dict[str, Any] = {"choices": [], "usage": {"total_tokens": 9}}
    endpoint.streams(role, delta("So "), delta(None), delta("it is."), usage, "[DONE]")
    generator_ = OpenAIGenerator(generator(endpoint.url))
    assert list(generator_.stream(PROMPT)) == ["So ", "it is."]
    assert endpoint.asked[0][2]["stream"] is True
    pieces = generator_.stream(PROMPT)
    assert next(pieces) == "So "
    pieces.close()  # a reader may stop early
    assert list(generator_.stream(PROMPT)) == ["So ", "it is."]
    generator_.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>no API here</html>"),
        (200, b""),
        (200, b'data: {"error": "overloaded"}\n\n'),
        (200, b"data: <html>\n\n"),
        (200, b'data: {"choices": [{"delta": null}]}\n\n'),
        (404, b"not found"),
    ],
)
def test_a_stream_that_is_none_is_one_clear_line(
    endpoint: Endpoint, status: int, body: bytes
) -> None:
    endpoint.status, endpoint.body = status, body
    with pytest.raises(HttpError) as failure:
        list(OpenAIGenerator(generator(endpoint.url)).stream(PROMPT))
    assert endpoint.url in str(failure.value)
    assert "\n" not in str(failure.value)


def test_what_cannot_be_a_key_is_a_clear_error_that_hides_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "clé")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY") as failure:
        OpenAIGenerator(generator(endpoint.url)).generate(PROMPT)
    assert "clé" not in str(failure.value)
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\nX-Injected: yes")
    with pytest.raises(HttpError) as broken:
        OpenAIGenerator(generator(endpoint.url, timeout_s=2)).generate(PROMPT)
    assert SECRET not in str(broken.value)
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>no API here</html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": null}]}'),
        (200, b"null"),
        (200, b"\xff\xfe"),
        (404, b"not found"),
    ],
)
def test_what_is_no_chat_completion_is_one_clear_line(
    endpoint: Endpoint, status: int, body: bytes
) -> None:
    endpoint.status, endpoint.body = status, body
    with pytest.raises(HttpError) as failure:
        OpenAIGenerator(generator(endpoint.url)).generate(PROMPT)
    message = str(failure.value)
    assert endpoint.url in message
    assert "\n" not in message
    assert len(endpoint.asked) == 1


def test_a_server_in_trouble_is_asked_again_until_the_deadline(endpoint: Endpoint) -> None:
    endpoint.status = 500
    started = time.monotonic()
    with pytest.raises(HttpError, match="500") as failure:
        OpenAIGenerator(generator(endpoint.url, timeout_s=1.5)).generate(PROMPT)
    assert time.monotonic() - started < 10
    assert "\n" not in str(failure.value)
    assert failure.value.status == 500
    assert len(endpoint.asked) > 1


def test_nobody_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as taken:  # bound, but not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(HttpError) as failure:
            OpenAIGenerator(generator(url, timeout_s=1)).generate(PROMPT)
    assert url in str(failure.value)
    assert "\n" not in str(failure.value)
    assert failure.value.status is None


@pytest.mark.parametrize("url", ["localhost:8000/v1", "http://[bad", "ftp://example.org/v1"])
def test_an_address_that_is_none_is_one_clear_line(url: str) -> None:
    with pytest.raises(HttpError) as failure:
        OpenAIGenerator(generator(url, timeout_s=1)).generate(PROMPT)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("missing", ["base_url", "model"])
def test_a_missing_setting_is_named_before_anything_is_sent(
    missing: str, index: IndexConfig, embedder: TextEmbedder
) -> None:
    config = generator("http://127.0.0.1:9/v1")
    setattr(config, missing, "")
    rag = RAGPipeline(PipelineConfig(index=index, generator=config), embedder)
    with rag, pytest.raises(ConfigError, match=rf"generator\.{missing}"):
        rag.query(QUESTION)


def test_a_prompt_over_the_budget_is_said(
    rag: RAGPipeline, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.says("Allopurinol lowers uric acid [1].")
    rag.config.generator.context_tokens = 100
    rag.query(QUESTION)
    assert "1 of 1 passages did not fit generator.context_tokens=100" in caplog.text

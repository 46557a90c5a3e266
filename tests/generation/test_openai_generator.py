"""Answers through a real chat-completions endpoint on the loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from medrag import Answer, CorpusConfig, GeneratorConfig, IndexConfig, PipelineConfig, RAGPipeline
from medrag.errors import ConfigError, HttpError
from medrag.generation import open_generator
from medrag.generation.openai import OpenAIGenerator
from medrag.generation.prompts import REFUSAL, Pieces, Prompt, Reply, build_messages
from medrag.grounding.statements import CUT
from medrag.indexing import IndexBuilder
from medrag.ingestion import TextEmbedder
from tests.conftest import NOTES
from tests.generation.endpoint import Endpoint, delta, message

SECRET = "sk-never-to-be-shown"
QUESTION = "Which drug lowers uric acid?"
PROMPT = Prompt(QUESTION, (), build_messages(QUESTION, []))


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
    config.cache.answers = 0  # the endpoint replies to one question in many ways
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
    endpoint.status = 200
    endpoint.body = json.dumps({"error": f"this key is wrong: {SECRET}"}).encode()
    with pytest.raises(HttpError, match=r"this key is wrong: \*\*\*"):
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


def test_a_stream_is_the_same_as_the_whole_reply(endpoint: Endpoint) -> None:
    generator_ = OpenAIGenerator(generator(endpoint.url))
    for reason, cut in (("stop", False), ("length", True), ("content_filter", True)):
        endpoint.streams(delta("So "), delta("it is."), delta(None, reason), "[DONE]")
        streamed = whole(generator_.stream(PROMPT))
        endpoint.body = message("So it is.", reason)
        assert streamed == generator_.generate(PROMPT) == Reply("So it is.", cut)
    endpoint.streams(delta("So "), delta("it is."))  # the server died
    assert whole(generator_.stream(PROMPT)) == Reply("So it is.", cut=True)
    generator_.close()


def whole(pieces: Pieces) -> Reply:
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            reply: Reply = end.value
            return reply


PARTS = [{"type": "text", "text": "So "}, {"type": "text", "text": "it is."}]
OTHER_SHAPES: list[Any] = [
    7,
    True,
    {"text": "So it is."},
    ["So it is."],
    [{"type": "text"}],
    [{"type": "text", "text": None}],
    [{"type": "text", "text": ["So"]}],
    [{"type": "image_url", "image_url": {"url": "x"}}],
    [None],
]


def test_content_in_parts_is_joined(endpoint: Endpoint) -> None:
    generator_ = OpenAIGenerator(generator(endpoint.url))
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    endpoint.body = message([thought, *PARTS])
    assert generator_.generate(PROMPT) == Reply("So it is.")
    endpoint.streams(delta(PARTS[:1]), delta(PARTS[1:]), "[DONE]")
    assert whole(generator_.stream(PROMPT)) == Reply("So it is.")
    for nothing in (None, "", []):
        endpoint.body = message(nothing)
        assert generator_.generate(PROMPT) == Reply("")
    generator_.close()


@pytest.mark.parametrize("content", OTHER_SHAPES)
def test_content_of_another_shape_is_one_clear_line(endpoint: Endpoint, content: Any) -> None:
    generator_ = OpenAIGenerator(generator(endpoint.url))
    endpoint.body = message(content)
    with pytest.raises(HttpError, match="sent no chat completion") as failure:
        generator_.generate(PROMPT)
    assert "\n" not in str(failure.value)
    endpoint.streams(delta(content), "[DONE]")
    with pytest.raises(HttpError, match="sent no stream of chat completions"):
        whole(generator_.stream(PROMPT))
    generator_.close()


LARGE = 11_000_000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(message("It is so. " * (LARGE // 10)), id="text"),
        pytest.param(b'{"x": [' + b"0," * (LARGE // 2) + b"0]}", id="numbers"),
        pytest.param(b"[" * 200_000, id="depth"),
        pytest.param(b'{"choices": ' * 200_000, id="depth of objects"),
        pytest.param(message("It is so. " * 300_000), id="text within the bytes"),
        pytest.param(b"data: " + b"x" * LARGE, id="one line"),
        pytest.param(b"data: {}\n\n" * (LARGE // 10), id="many events"),
        pytest.param(b"data: " + b"[" * 200_000 + b"\n\n", id="depth of an event"),
        pytest.param(b": ping\n\n" * (LARGE // 8), id="many comments"),
        pytest.param(
            b"".join(b"data: " + json.dumps(delta("It is so. ")).encode() + b"\n\n" for _ in "x")
            * 100_000,
            id="many pieces",
        ),
    ],
)
def test_a_reply_without_end_takes_neither_time_nor_memory(
    rag: RAGPipeline, endpoint: Endpoint, body: bytes
) -> None:
    endpoint.body = body
    for stream in (False, True):
        started = time.monotonic()
        try:
            steps = rag.query(QUESTION, stream=True) if stream else [rag.query(QUESTION)]
            *pieces, answer = steps
        except HttpError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 600
        else:  # cut off at what `max_new_tokens` may at most be
            assert isinstance(answer, Answer)
            assert answer.sentences[-1].reason == CUT
            assert sum(map(len, map(str, pieces))) < 100 * 77
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("stream", [False, True])
def test_the_servers_own_words_reach_the_user(
    rag: RAGPipeline, endpoint: Endpoint, stream: bool
) -> None:
    said = "This model's maximum context length is 4096 tokens. However, you requested 5000."
    for status in (400, 200):  # some servers report an error as a success
        endpoint.status = status
        endpoint.body = json.dumps({"error": {"message": said, "code": 400}}).encode()
        if stream and status == 200:
            endpoint.streams({"error": {"message": said}})
        with pytest.raises(HttpError) as failure:
            list(rag.query(QUESTION, stream=True)) if stream else rag.query(QUESTION)
        assert said in str(failure.value)
        assert "\n" not in str(failure.value)
        assert ("generator.context_tokens=1536" in str(failure.value)) == (status == 400)


@pytest.mark.parametrize("stream", [False, True])
def test_passages_are_not_sent_to_another_host(
    rag: RAGPipeline, endpoint: Endpoint, stream: bool
) -> None:
    other = f"http://localhost:{endpoint.url.split(':')[2]}/chat/completions"
    endpoint.status, endpoint.headers = 307, {"Location": other}
    with pytest.raises(HttpError, match="redirects to http://localhost"):
        list(rag.query(QUESTION, stream=True)) if stream else rag.query(QUESTION)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("reason", ["length", "max_tokens"])
def test_a_reply_that_was_cut_off_loses_its_last_statement_and_says_so(
    rag: RAGPipeline, endpoint: Endpoint, reason: str
) -> None:
    said = "Allopurinol lowers uric acid [1]. Colchicine or naproxen calm"
    endpoint.body = message(said, reason)
    answer = rag.query(QUESTION)
    assert answer.answer == "Allopurinol lowers uric acid. [1]"
    assert answer.unsupported == ("Colchicine or naproxen calm",)
    assert answer.sentences[-1].reason == CUT
    endpoint.streams(delta(said), delta(None, reason), "[DONE]")
    assert list(rag.query(QUESTION, stream=True)) == [said, answer]
    endpoint.body = message("Allopurinol lowers", reason)
    assert rag.query(QUESTION).abstained


@pytest.mark.parametrize("marker", ["[1-1]", "(1)", "[passage 1]", "【1】", "[1, 9]", "[7]"])
def test_every_form_of_a_marker_leads_to_its_source(
    rag: RAGPipeline, endpoint: Endpoint, marker: str
) -> None:
    endpoint.says(f"Allopurinol lowers uric acid {marker}.")
    answer = rag.query(QUESTION)
    assert answer.answer == "Allopurinol lowers uric acid. [1]"
    assert answer.stray_markers == ("9" in marker or "7" in marker)


def test_a_refusal_does_not_take_statements_away_that_are_supported(
    rag: RAGPipeline, endpoint: Endpoint
) -> None:
    endpoint.says(f"{REFUSAL} Allopurinol lowers uric acid [1]. Aspirin 300 mg cures gout [1].")
    answer = rag.query(QUESTION)
    assert (answer.answer, answer.abstained) == ("Allopurinol lowers uric acid. [1]", False)
    assert answer.unsupported == ("Aspirin 300 mg cures gout.",)


def test_it_is_streamed_piece_by_piece_and_then_verified(
    rag: RAGPipeline, endpoint: Endpoint
) -> None:
    pieces = ["Allopurinol ", "lowers uric acid [1]. ", "Aspirin 300 mg cures gout [1]."]
    endpoint.streams(*map(delta, pieces), "[DONE]")
    *streamed, answer = rag.query(QUESTION, stream=True)
    assert streamed == pieces
    endpoint.says("".join(pieces))
    assert answer == rag.query(QUESTION)
    assert isinstance(answer, Answer) and answer.unsupported == ("Aspirin 300 mg cures gout.",)


def test_an_abandoned_stream_hangs_up(rag: RAGPipeline, endpoint: Endpoint) -> None:
    endpoint.drips(delta("It is so. "))
    steps = rag.query(QUESTION, stream=True)
    assert next(steps) == "It is so. "
    assert not endpoint.hung_up.is_set()
    del steps
    assert endpoint.hung_up.wait(10)


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

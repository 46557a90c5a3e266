"""Remote embedders against a real server on the loopback that misbehaves in every known way."""

from __future__ import annotations

import io
import json
import os
import re
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from medrag import PipelineConfig, RAGPipeline
from medrag.build_index import summary_table
from medrag.config import CacheConfig, EmbedderConfig, EmbedderKind, GroundingConfig
from medrag.embedding import open_embedder
from medrag.embedding.remote import RemoteEmbedder
from medrag.errors import ConfigError, HttpError, MedragError
from medrag.indexing import IndexBuilder

SECRET = "sk-never-to-be-shown"
DIMENSION = 128
both = pytest.mark.parametrize("kind", [EmbedderKind.openai, EmbedderKind.cohere])

# Takes the parsed request and the number of the request, from 1; returns status, headers, reply.
Reply = tuple[int, dict[str, str], Any]
Play = Callable[[dict[str, Any], int], Reply]


def vector(text: str) -> list[float]:
    """The server's vector of a text: hashed words, not normalised."""
    row = [0.01] * DIMENSION
    for word in re.findall(r"\w+", text.lower()):
        row[zlib.crc32(word.encode()) % DIMENSION] += 3.0
    return row


def expected(*texts: str) -> NDArray[np.float32]:
    rows = np.array([vector(text) for text in texts], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def good(request: dict[str, Any], number: int = 1) -> Reply:
    """The reply of a good server; OpenAI's rows are in reverse, as their index allows."""
    if "input" in request:
        rows = [{"index": n, "embedding": vector(text)} for n, text in enumerate(request["input"])]
        return 200, {}, {"data": rows[::-1], "usage": {"total_tokens": 7 * len(rows)}}
    rows = [vector(text) for text in request["texts"]]
    billed = {"billed_units": {"input_tokens": 7 * len(rows)}}
    return 200, {}, {"embeddings": {"float": rows}, "meta": billed}


@dataclass
class Server:
    """The server's behaviour, and the requests it has seen."""

    url: str = ""
    play: Play = good
    delay_s: float = 0.0
    seen: list[tuple[str, dict[str, str], dict[str, Any], float]] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def texts(self) -> list[list[str]]:
        return [seen[2].get("input") or seen[2]["texts"] for seen in self.seen]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("OPENAI_API_KEY", "CO_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                state.seen.append((self.path, dict(self.headers), sent, time.monotonic()))
                number = len(state.seen)
                state.connections.add(self.client_address[1])
                state.at_once += 1
                state.most_at_once = max(state.most_at_once, state.at_once)
            time.sleep(state.delay_s)
            status, headers, reply = state.play(sent, number)
            with state.lock:
                state.at_once -= 1
            body = json.dumps(reply).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that gives up is part of the tests."""

    http = Quiet(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    state.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def make(server: Server) -> Iterator[Callable[..., RemoteEmbedder]]:
    made: list[RemoteEmbedder] = []

    def embedder(kind: EmbedderKind = EmbedderKind.openai, **settings: Any) -> RemoteEmbedder:
        settings = {"model": "some-model", "base_url": server.url, "timeout_s": 20.0} | settings
        made.append(RemoteEmbedder(EmbedderConfig(kind=kind, **settings)))
        return made[-1]

    yield embedder
    for one in made:
        one.close()


Make = Callable[..., RemoteEmbedder]


# --- requests and replies ----------------------------------------------------------------------


@both
def test_vectors_are_normalised_and_in_order(kind: EmbedderKind, make: Make) -> None:
    embedder = make(kind)
    texts = [f"drug number {n}" for n in range(100)]
    vectors = embedder.embed_documents(texts)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected(*texts), atol=1e-6)
    assert embedder.dimension == DIMENSION
    assert embedder.billed_tokens == 700
    assert embedder.embed_documents([]).shape == (0, DIMENSION)


def test_openai_is_asked_as_it_documents(make: Make, server: Server) -> None:
    embedder = make(model="text-embedding-3-small", dimension=DIMENSION)
    assert embedder.embed_queries(["gout"]).shape == (1, DIMENSION)
    ((path, headers, body, _),) = server.seen
    assert path == "/v1/embeddings"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert body == {
        "model": "text-embedding-3-small", "input": ["gout"], "encoding_format": "float",
        "dimensions": DIMENSION,
    }  # fmt: skip


def test_cohere_is_told_questions_from_documents(make: Make, server: Server) -> None:
    embedder = make(EmbedderKind.cohere, model="embed-v4.0")
    embedder.embed_queries(["gout?"])
    embedder.embed_documents(["gout"])
    assert {seen[0] for seen in server.seen} == {"/v1/embed"}
    assert [seen[2]["input_type"] for seen in server.seen] == ["search_query", "search_document"]
    assert server.seen[0][2] == {
        "model": "embed-v4.0", "texts": ["gout?"], "input_type": "search_query",
        "embedding_types": ["float"], "truncate": "NONE",
    }  # fmt: skip


def test_the_key_comes_from_the_variable_that_is_named(
    make: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "mine")
    make(api_key_env="MY_KEY").embed_queries(["gout"])
    make(api_key_env="NOT_SET").embed_queries(["gout"])
    assert server.seen[0][1]["Authorization"] == "Bearer mine"
    assert "Authorization" not in server.seen[1][1]


def test_the_dimension_is_asked_for_once(make: Make, server: Server) -> None:
    embedder = make()
    assert embedder.dimension == embedder.dimension == DIMENSION
    assert len(server.seen) == 1


@both
def test_odd_texts_are_sent_in_a_form_that_servers_accept(
    kind: EmbedderKind, make: Make, server: Server
) -> None:
    assert make(kind).embed_documents(["", "a\ud83d"]).shape == (2, DIMENSION)
    assert server.texts() == [[" ", "a?"]]


def test_batches_keep_to_their_count_and_their_tokens(make: Make, server: Server) -> None:
    texts = [f"drug {n}" for n in range(100)]
    make().embed_documents(texts)
    assert sorted(map(len, server.texts())) == [4, 32, 32, 32]
    server.seen.clear()
    embedder = make(batch_tokens=50)
    words = ["pain " * (n % 30 + 1) for n in range(60)]
    vectors = embedder.embed_documents(words)
    np.testing.assert_allclose(vectors, expected(*words), atol=1e-6)
    assert len(server.seen) > 10
    for batch in server.texts():
        assert len(batch) == 1 or sum(map(embedder.count_tokens, batch)) <= 50


def test_no_more_requests_than_allowed_are_in_flight(make: Make, server: Server) -> None:
    server.delay_s = 0.05
    embedder = make(concurrency=3, batch_tokens=1)
    texts = [f"drug {n}" for n in range(24)]
    threads = [threading.Thread(target=embedder.embed_documents, args=[texts]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 48
    assert server.most_at_once == 3


def test_one_pool_of_connections_serves_every_call(make: Make, server: Server) -> None:
    embedder = make()
    for number in range(5):
        embedder.embed_queries([f"gout {number}"])
    assert len(server.connections) == 1


def test_a_text_that_is_too_long_is_cut_and_counted(
    make: Make, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = make(max_tokens=40)
    embedder.embed_documents(["pain " * 200, "short", "fever " * 200])
    embedder.embed_documents(["pain " * 200])
    assert embedder.truncated == 3
    first, short, second = server.texts()[0]
    assert 30 < embedder.count_tokens(first) <= 40 and ("pain " * 200).startswith(first)
    assert short == "short" and embedder.count_tokens(second) <= 40
    assert len([r for r in caplog.records if "40 tokens" in r.getMessage()]) == 1


def test_the_count_of_tokens_is_about_right() -> None:
    """Against a real tokenizer whose vocabulary is smaller than any that a server has."""
    from medrag.ingestion import TextEmbedder

    remote = RemoteEmbedder(EmbedderConfig(kind=EmbedderKind.openai, model="m"))
    for text in (
        "Allopurinol lowers uric acid and prevents further attacks of gout in most patients.",
        "Mean systolic pressure fell by 11.3 mmHg (95% CI 6.8 to 11.6, p<0.001).",
        "痛風の治療にはアロプリノールが用いられる。",
    ):
        ratio = remote.count_tokens(text) / TextEmbedder().count_tokens(text)
        assert 0.9 < ratio < 1.4, text


# --- the space ----------------------------------------------------------------------------------


def test_the_space_is_that_of_kind_model_and_dimension_wherever_it_is_served() -> None:
    base = EmbedderConfig(kind=EmbedderKind.openai, model="m")
    embedder = open_embedder(base)
    elsewhere = open_embedder(replace(base, base_url="http://elsewhere/v1", timeout_s=3))
    assert embedder.fingerprint == elsewhere.fingerprint
    assert embedder.space != elsewhere.space  # numbers may differ a little: cached apart
    others = (
        replace(base, model="n"), replace(base, dimension=64), replace(base, kind="cohere"),
    )  # fmt: skip
    assert len({open_embedder(other).fingerprint for other in (base, *others)}) == 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": ""}, "embedder.model"),
        ({"base_url": "localhost:8000"}, "embedder.base_url"),
        ({"base_url": f"http://me:{SECRET}@localhost/v1"}, "embedder.api_key_env"),
        ({"timeout_s": 0.0}, "embedder.timeout_s"),
        ({"concurrency": 0}, "embedder.concurrency"),
        ({"kind": "other"}, "local, openai, cohere"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        EmbedderConfig(**{"kind": "openai", "model": "m"} | settings)
    assert SECRET not in str(caught.value)


# --- servers that misbehave ---------------------------------------------------------------------


def test_a_busy_server_is_asked_again_when_it_says_so(make: Make, server: Server) -> None:
    def busy(request: dict[str, Any], number: int) -> Reply:
        return (429, {"Retry-After": "1"}, {}) if number == 1 else good(request)

    server.play = busy
    np.testing.assert_allclose(make().embed_queries(["gout"]), expected("gout"), atol=1e-6)
    first, second = (seen[3] for seen in server.seen)
    assert second - first >= 1.0


def test_an_error_that_passes_costs_a_retry(make: Make, server: Server) -> None:
    server.play = lambda request, number: (500, {}, {}) if number == 1 else good(request)
    np.testing.assert_allclose(make().embed_queries(["gout"]), expected("gout"), atol=1e-6)
    assert len(server.seen) == 2


def fails(embedder: RemoteEmbedder, texts: list[str]) -> str:
    """The one error, in one line, without the key anywhere in it."""
    with pytest.raises(MedragError) as caught:
        embedder.embed_documents(texts)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@both
def test_a_server_that_is_slow_is_given_up_at_the_deadline(
    kind: EmbedderKind, make: Make, server: Server
) -> None:
    server.delay_s = 3.0
    started = time.monotonic()
    said = fails(make(kind, timeout_s=0.5), ["gout"])
    assert time.monotonic() - started < 2.0
    assert "embedder.timeout_s=0.5" in said and server.url in said


def test_a_server_that_stays_busy_is_given_up_at_the_deadline(make: Make, server: Server) -> None:
    server.play = lambda request, number: (429, {"Retry-After": "60"}, {})
    started = time.monotonic()
    assert "429" in fails(make(timeout_s=1.0), ["gout"])
    assert time.monotonic() - started < 3.0


def test_a_refused_key_is_named_by_its_variable(make: Make, server: Server) -> None:
    server.play = lambda request, number: (401, {}, {"error": f"wrong key {SECRET}"})
    said = fails(make(), ["gout"])
    assert "401" in said and "OPENAI_API_KEY" in said
    assert len(server.seen) == 1


def test_a_malformed_key_is_not_sent(
    make: Make, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "“quoted”")
    assert "OPENAI_API_KEY does not hold a key" in fails(make(), ["gout"])
    assert server.seen == []


TEXTS = [f"drug {n}" for n in range(4)]


def spoilt(spoil: Callable[[list[Any]], list[Any]]) -> Play:
    """Replies whose vectors are changed."""

    def play(request: dict[str, Any], number: int) -> Reply:
        status, headers, reply = good(request)
        if "input" in request:
            rows = [row["embedding"] for row in reply["data"][::-1]]
            reply["data"] = [
                {"index": n, "embedding": row} for n, row in enumerate(spoil(rows))
            ]  # fmt: skip
        else:
            reply["embeddings"]["float"] = spoil(reply["embeddings"]["float"])
        return status, headers, reply

    return play


@both
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows[:-1], "3 rows"),
        (lambda rows: [*rows, rows[0]], "5 rows"),
        (lambda rows: [], "0 rows"),
        (lambda rows: [*rows[:-1], rows[-1][:-1]], r"\[127, 128\] dimensions"),
        (lambda rows: [row[:64] for row in rows], r"\[64\] dimensions, not 128"),
        (lambda rows: [*rows[:-1], [float("nan"), *rows[-1][1:]]], "not finite"),
        (lambda rows: [*rows[:-1], [float("inf"), *rows[-1][1:]]], "not finite"),
        (lambda rows: [*rows[:-1], [None, *rows[-1][1:]]], "not finite|list of vectors"),
        (lambda rows: [*rows[:-1], [0.0] * DIMENSION], "zero"),
        (lambda rows: [*rows[:-1], [[0.0]] * DIMENSION], "not a list of vectors"),
        (lambda rows: [*rows[:-1], "0.5"], "not a list of vectors|dimensions"),
        (lambda rows: [*rows[:-1], 1], "not a list of vectors"),
    ],
)
def test_unusable_vectors_are_refused(
    spoil: Any, said: str, kind: EmbedderKind, make: Make, server: Server
) -> None:
    embedder = make(kind, dimension=DIMENSION)
    server.play = spoilt(spoil)
    message = fails(embedder, TEXTS)
    assert re.search(said, message), message
    assert server.url in message and "embedder.model" in message
    server.play = good
    np.testing.assert_allclose(embedder.embed_documents(TEXTS), expected(*TEXTS), atol=1e-6)


@both
@pytest.mark.parametrize(
    "reply", [[], {}, None, "text", {"data": None}, {"data": [1]}, {"data": [{"index": 0}]},
              {"embeddings": []}, {"embeddings": {"int8": []}}, {"embeddings": None}],
)  # fmt: skip
def test_a_reply_of_another_kind_is_refused(
    reply: Any, kind: EmbedderKind, make: Make, server: Server
) -> None:
    server.play = lambda request, number: (200, {}, reply)
    assert "unusable reply" in fails(make(kind), ["gout"])


def test_rows_that_are_numbered_wrongly_are_refused(make: Make, server: Server) -> None:
    for indices in ([0, 1, 2, 2], [1, 2, 3, 4], [0, 1, 2, -1]):
        rows = [{"index": n, "embedding": vector("x")} for n in indices]
        server.play = lambda request, number, rows=rows: (200, {}, {"data": rows})  # type: ignore[misc]
        assert "unusable reply for 4 texts" in fails(make(), TEXTS)


def test_one_failed_batch_fails_the_call_and_cancels_the_others(make: Make, server: Server) -> None:
    server.play = lambda request, number: (400, {}, {}) if number == 3 else good(request)
    server.delay_s = 0.05
    embedder = make(concurrency=2, batch_tokens=1)
    assert "400" in fails(embedder, [f"drug {n}" for n in range(50)])
    time.sleep(0.3)
    assert len(server.seen) < 10


# --- in a build, and in a forked process --------------------------------------------------------


@both
def test_an_index_is_built_and_answers_and_nothing_is_embedded_twice(
    kind: EmbedderKind, make: Make, server: Server, config: PipelineConfig
) -> None:
    config = replace(
        config,
        embedder=EmbedderConfig(kind=kind, model="some-model", base_url=server.url),
        cache=CacheConfig("~/.cache/medrag/embeddings.sqlite"),
        grounding=GroundingConfig(0.0, 0.5),
    )
    report = IndexBuilder(config).mirror()
    assert report.embedded_chunks == report.counts.chunks == 4
    assert report.billed_tokens == 4 * 7
    assert report.embedder == f"some-model ({kind.value}) on {server.url}"
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(summary_table(report))
    assert re.search(r"tokens billed\W+28", console.export_text())

    asked = len(server.seen)
    again = replace(config, index=replace(config.index, dir=f"{config.index.dir}-2"))
    report = IndexBuilder(again).mirror()
    assert (report.embedded_chunks, report.cache_hits, report.billed_tokens) == (0, 4, 7)
    assert server.texts()[asked:] == [["dimension"]]  # asks for the length of a vector; no document

    with RAGPipeline(config) as rag:
        answer = rag.query("Which drug lowers uric acid?")
    assert "Allopurinol lowers uric acid" in answer.answer

    # The address now comes from the index, so the key of a provider must not be sent there.
    with RAGPipeline.open(config.index.dir) as rag:
        assert rag.retrieve("Which drug lowers uric acid?")[0].document == "gout.txt"
    assert "Authorization" in server.seen[0][1]
    assert "Authorization" not in server.seen[-1][1]


def test_a_build_that_fails_at_the_server_goes_on_later(
    server: Server, config: PipelineConfig
) -> None:
    embedder = EmbedderConfig(kind=EmbedderKind.openai, model="m", base_url=server.url)
    config = replace(config, embedder=embedder, cache=CacheConfig(""))
    server.play = lambda request, number: (400, {}, {})
    with pytest.raises(HttpError, match="400"):
        IndexBuilder(config).mirror()
    server.play = good
    report = IndexBuilder(config).mirror()
    assert report.embedded_chunks == report.counts.chunks == 4


def test_a_forked_process_opens_connections_of_its_own(make: Make, server: Server) -> None:
    embedder = make()
    embedder.embed_queries(["gout"])
    read, write = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            vectors = embedder.embed_queries(["malaria"])
            status = 0 if np.allclose(vectors, expected("malaria"), atol=1e-6) else 2
        finally:
            os.write(write, str(status).encode())
            os._exit(status)
    os.close(write)
    assert os.read(read, 10) == b"0"
    os.close(read)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_allclose(embedder.embed_queries(["zinc"]), expected("zinc"), atol=1e-6)
    assert len(server.connections) == 2  # the parent still has its own

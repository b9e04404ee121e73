"""Traces, as a collector gets them over OTLP."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import use_span
from starlette.datastructures import Headers

from actors.router.answered import Answered
from actors.router.tracing import Tracing

MakeAnswered = Callable[..., Answered]
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Takes spans as an OpenTelemetry collector does, and keeps them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receive)
        self.spans: dict[str, Span] = {}
        self.services: set[str] = set()
        self.url = f"http://127.0.0.1:{self.server_port}/v1/traces"


class Receive(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["content-length"]))
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.services |= {
                each.value.string_value
                for each in sent.resource.attributes
                if each.key == "service.name"
            }
            self.server.spans |= {
                span.name: span for scope in sent.scope_spans for span in scope.spans
            }
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield server
        server.shutdown()


def told(span: Span) -> dict[str, Any]:
    """The attributes of a span."""

    def plain(value: Any) -> Any:
        kind = value.WhichOneof("value")
        found = getattr(value, kind)
        return [plain(each) for each in found.values] if kind == "array_value" else found

    return {each.key: plain(each.value) for each in span.attributes}


def trace(url: str, answered: Answered, headers: dict[str, str] | None = None) -> None:
    tracing = Tracing(url)
    tracing.answered(answered, tracing.parent(Headers(headers or {})))
    tracing.close()


def test_a_request_is_a_span_with_selection_and_answer_in_it(
    collector: Collector, make_answered: MakeAnswered
) -> None:
    trace(
        collector.url,
        make_answered(why="fallback", passed_over={"b": "429: my secret"}),
    )
    request, selection, answer = (
        collector.spans[f"model_sat.{name}"] for name in ("request", "selection", "answer")
    )
    assert collector.services == {"model-sat"}
    assert not request.parent_span_id
    assert {selection.parent_span_id, answer.parent_span_id} == {request.span_id}
    assert len({span.trace_id for span in collector.spans.values()}) == 1
    assert told(request) == {
        "gen_ai.response.id": "r1",
        "gen_ai.response.model": "a",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 30,
        "model_sat.candidate": "a",
        "model_sat.score": 0.75,
        "model_sat.policy": "best-quality",
        "model_sat.why": "fallback",
        "model_sat.cost": 0.0001,
        "model_sat.passed_over": ["b: busy"],
    }
    start, end = request.start_time_unix_nano, request.end_time_unix_nano
    assert abs(end - time.time_ns()) < 30e9
    assert (selection.start_time_unix_nano, answer.end_time_unix_nano) == (start, end)
    assert selection.end_time_unix_nano == answer.start_time_unix_nano == start + 4_000_000
    (first,) = answer.events
    assert (first.name, first.time_unix_nano) == ("first token", start + 100_000_000)
    assert end == start + 500_000_000
    assert request.status.code == Status.STATUS_CODE_UNSET


def test_what_is_not_known_is_not_told_and_nothing_of_the_prompt(
    collector: Collector, make_answered: MakeAnswered
) -> None:
    unknown = {"prompt_tokens": None, "completion_tokens": None, "cost": None}
    trace(collector.url, make_answered(instruction="my secret", broken="on 'my secret'", **unknown))
    sent = b"".join(span.SerializeToString() for span in collector.spans.values())
    assert b"secret" not in sent
    request = collector.spans["model_sat.request"]
    assert not {"gen_ai.usage.input_tokens", "model_sat.cost"} & told(request).keys()
    assert request.status.code == Status.STATUS_CODE_ERROR
    assert collector.spans["model_sat.answer"].status.code == Status.STATUS_CODE_ERROR


def test_the_callers_trace_goes_on(collector: Collector, make_answered: MakeAnswered) -> None:
    trace(collector.url, make_answered(), {"Traceparent": f"00-{TRACE}-{CALLER}-01"})
    request = collector.spans["model_sat.request"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
    assert {span.trace_id.hex() for span in collector.spans.values()} == {TRACE}


@pytest.mark.parametrize("called", [False, True])
def test_without_a_caller_the_trace_of_the_replica_goes_on(
    called: bool, collector: Collector, make_answered: MakeAnswered
) -> None:
    tracing = Tracing(collector.url)
    replica = TracerProvider().get_tracer("ray").start_span("replica", Context())
    with use_span(replica):
        headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"} if called else {}
        parent = tracing.parent(Headers(headers))
    tracing.answered(make_answered(), parent)
    tracing.close()
    (of,) = {span.trace_id.hex() for span in collector.spans.values()}
    assert of == (TRACE if called else f"{replica.get_span_context().trace_id:032x}")


def test_a_trace_that_the_caller_does_not_sample_is_not_sent(
    collector: Collector, make_answered: MakeAnswered
) -> None:
    trace(collector.url, make_answered(), {"traceparent": f"00-{TRACE}-{CALLER}-00"})
    assert collector.spans == {}


@pytest.mark.parametrize(
    "header", ["", "x", "00-0-0-01", f"ff-{TRACE}-{CALLER}-01", f"00-{'0' * 32}-{CALLER}-01", "\0"]
)
def test_a_header_that_is_none_begins_a_new_trace(
    header: str, collector: Collector, make_answered: MakeAnswered
) -> None:
    trace(collector.url, make_answered(), {"traceparent": header})
    request = collector.spans["model_sat.request"]
    assert not request.parent_span_id
    assert request.trace_id.hex() not in (TRACE, "0" * 32)


def test_nobody_waits_for_a_collector_that_is_down(make_answered: MakeAnswered) -> None:
    tracing = Tracing("http://127.0.0.1:9/v1/traces")
    answered, parent = make_answered(), Context()
    started = time.perf_counter()
    for _ in range(3000):  # more than wait for the next batch
        tracing.answered(answered, parent)
    assert time.perf_counter() - started < 3  # a millisecond each
    started = time.perf_counter()
    tracing.close()
    assert time.perf_counter() - started < 6

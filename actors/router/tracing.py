"""OpenTelemetry spans of routed requests, sent over OTLP where ``router.otlp_endpoint`` is set.

A request is one span with two children, ``selection`` and ``answer``. They are made at its end, of
what ``Answered`` says, so that nothing is held open while tokens stream. Sending is a thread's
business: it drops spans rather than wait. Names follow OpenTelemetry's conventions for generative
AI where there are any; no text of a prompt or an answer is in them.

Ray Serve has tracing of its own (``serve.start(tracing_config=...)``), of proxies and replicas: it
has its own exporter and knows nothing of candidates. A request goes on with the caller's trace (W3C
``traceparent``), else with that of the ingress replica where Serve's tracing is on; the caller's
comes first, for Serve 2.60 begins a new one all the same. Whether a trace is sampled is the
parent's decision; without one ``OTEL_TRACES_SAMPLER`` says it (all, if not set).
Not covered: a ``traceparent`` for the candidate's own engine.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from actors.router.answered import Answered, reason_class

_TIMEOUT_SECONDS = 5.0  # for a batch, its retries included
_CLOSE_SECONDS = 3.0
_NANO = 10**9


class Tracing:
    """One object a replica of the ingress."""

    def __init__(self, endpoint: str) -> None:
        """``endpoint`` is the whole URL, such as ``http://host:4318/v1/traces``."""
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_TIMEOUT_SECONDS)
        # Not the provider of the whole process: that one is Ray Serve's.
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "model-sat"}))
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("model-sat")

    @staticmethod
    def parent(headers: Mapping[str, str]) -> Context:
        """What a request is a part of; to be asked while it is being handled."""
        return TraceContextTextMapPropagator().extract(headers, get_current())

    def answered(self, answered: Answered, parent: Context) -> None:
        """Records the spans of a request that is done just now."""
        end = time.time_ns()
        start = end - _nanoseconds(answered.seconds)
        chosen = start + _nanoseconds(answered.selection_seconds)
        first = start + _nanoseconds(answered.first_seconds)
        request = self._tracer.start_span(
            "model_sat.request", parent, SpanKind.SERVER, _attributes(answered), start_time=start
        )
        within = set_span_in_context(request, Context())
        selection = self._tracer.start_span("model_sat.selection", within, start_time=start)
        selection.end(chosen)
        answer = self._tracer.start_span(
            "model_sat.answer", within, SpanKind.CLIENT, start_time=chosen
        )
        answer.add_event("first token", timestamp=first)
        if answered.broken is not None:  # why may quote what a candidate said
            for span in (request, answer):
                span.set_status(StatusCode.ERROR, "the answer ended early")
        answer.end(end)
        request.end(end)

    def close(self) -> None:
        """Sends what is left, as far as the collector takes it within a few seconds."""
        hurry = threading.Timer(_CLOSE_SECONDS, self._exporter.shutdown)
        hurry.start()  # the provider itself would try for half a minute
        self._provider.shutdown()
        hurry.cancel()


def _nanoseconds(seconds: float) -> int:
    return round(seconds * _NANO)


def _attributes(answered: Answered) -> dict[str, Any]:
    choice = answered.choice
    attributes = {
        "gen_ai.response.id": answered.response_id,
        "gen_ai.response.model": choice.candidate,
        "gen_ai.usage.input_tokens": answered.prompt_tokens,
        "gen_ai.usage.output_tokens": answered.completion_tokens,
        "model_sat.candidate": choice.candidate,
        "model_sat.score": choice.score,
        "model_sat.selector": choice.selector,
        "model_sat.policy": choice.policy,
        "model_sat.why": choice.why,
        "model_sat.cost": answered.cost,
        "model_sat.passed_over": [
            f"{candidate}: {reason_class(reason)}"
            for candidate, reason in choice.passed_over.items()
        ],
    }
    return {name: value for name, value in attributes.items() if value is not None}

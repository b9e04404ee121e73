"""Who looks on while the router works: counts, metrics, journal and traces, each for itself."""

from collections.abc import Callable
from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse

from actors.router.answered import Answered
from actors.router.breakers import State
from actors.router.feedback import FeedbackRequest, take_feedback
from actors.router.guard import caller_of
from actors.router.journal import Journal
from actors.router.live import Live
from actors.router.metrics import RouterMetrics
from actors.router.tracing import Tracing
from cluster.settings import RouterSettings
from cluster.store import Store


class Observing:
    """What an ingress replica tells of its work. None of it delays or fails a request."""

    def __init__(self, store: Store, router: RouterSettings) -> None:
        """To be made within a replica, so that Ray knows whose metrics they are."""
        self.metrics = RouterMetrics()
        self.live = Live()
        self._journal = (
            Journal(store, router.journal, self.metrics.journal_dropped)
            if router.journal.enabled
            else None
        )
        self._tracing = Tracing(router.otlp_endpoint) if router.otlp_endpoint else None

    def begun(self, request: Request) -> Callable[[Answered], None]:
        """Notes whose request it is; gives what is to be called after its answer's last token."""
        key_name, tracing = caller_of(request), self._tracing
        parent = tracing.parent(request.headers) if tracing else None

        def answered(answered: Answered) -> None:
            answered = replace(answered, key_name=key_name)
            self.metrics.answered(answered)
            self.live.answered(answered)
            if self._journal:
                self._journal.record(answered)
            if tracing and parent is not None:
                tracing.answered(answered, parent)

        return answered

    def breaker(self, candidate: str, state: State | None) -> None:
        """The circuit breaker of a candidate is in that state now; None: it is gone."""
        self.metrics.breaker(candidate, state)
        self.live.breaker(candidate, state)

    def feedback(self, body: FeedbackRequest, key_name: str | None) -> JSONResponse:
        """Takes down what somebody thought of an answer."""
        return take_feedback(self._journal, body, key_name)

    def close(self) -> None:
        """Writes what is not written yet."""
        for part in (self._journal, self._tracing, self.metrics):
            if part:
                part.close()

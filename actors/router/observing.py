"""Who looks on while the router works: metrics, journal and traces, each for itself."""

from dataclasses import replace

from fastapi import Request
from fastapi.responses import JSONResponse

from actors.router.answered import Answered
from actors.router.feedback import FeedbackRequest, take_feedback
from actors.router.guard import caller_of
from actors.router.journal import Journal
from actors.router.metrics import RouterMetrics
from actors.router.tracing import Tracing
from cluster.settings import RouterSettings
from cluster.store import Store


class Observing:
    """What an ingress replica tells of its work. None of it delays or fails a request."""

    def __init__(self, store: Store, router: RouterSettings) -> None:
        """To be made within a replica, so that Ray knows whose metrics they are."""
        self.metrics = RouterMetrics()
        self._journal = (
            Journal(store, router.journal, self.metrics.journal_dropped)
            if router.journal.enabled
            else None
        )
        self._tracing = Tracing(router.otlp_endpoint) if router.otlp_endpoint else None

    def answered(self, answered: Answered, request: Request) -> None:
        """Called after the last token of an answer to ``request``."""
        answered = replace(answered, key_name=caller_of(request))
        self.metrics.answered(answered)
        if self._journal:
            self._journal.record(answered)
        if self._tracing:
            self._tracing.answered(answered, self._tracing.parent(request.headers))

    def feedback(self, body: FeedbackRequest, key_name: str | None) -> JSONResponse:
        """Takes down what somebody thought of an answer."""
        return take_feedback(self._journal, body, key_name)

    def close(self) -> None:
        """Writes what is not written yet."""
        for part in (self._journal, self._tracing, self.metrics):
            if part:
                part.close()

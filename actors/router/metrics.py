"""The router's own metrics, through Ray's metrics API to Prometheus.

Owns their names and labels; in Prometheus they are led by ``ray_``, counters end in ``_total``, and
Ray adds ``application``, ``deployment`` and ``replica``. Requests, errors and latencies as a whole
are Serve's. Label values are few: candidates of the zoo, and words that the code knows; nothing of
a prompt or a key. ``manifests/grafana/model-sat.json`` draws them.

Two things about Ray 2.60. It puts a histogram's values in the middle of their buckets before it
adds them up: read quantiles from one, not its sum. And a gauge that is not set again vanishes after
two of its reports, 20 seconds: a thread sets ours again for as long as they are true.
"""

import threading
from collections.abc import Mapping

from ray.serve.metrics import Counter, Gauge, Histogram

from actors.router.answered import Answered, reason_class
from actors.router.breakers import State

_BREAKER_VALUES: dict[State, int] = {"closed": 0, "half-open": 1, "open": 2}
_SCORES = [step / 20 for step in range(1, 21)]
_SELECTION_SECONDS = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1, 2, 4]
_REPEAT_SECONDS = 5.0
_ANSWER_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 150, 400]


class RouterMetrics:
    """One object a replica of the ingress; to be made within it, so that Ray knows whose it is."""

    def __init__(self) -> None:
        self._scores = Histogram(
            "model_sat_scores", "P('Yes') of the chosen candidate", _SCORES, ("candidate",)
        )
        self._selection = Histogram(
            "model_sat_selection_seconds",
            "Seconds until a candidate was chosen",
            _SELECTION_SECONDS,
        )
        self._choices = Counter(
            "model_sat_choices", "Requests answered, by who answered and why", ("candidate", "why")
        )
        self._first = self._seconds("model_sat_first_token_seconds", "first")
        self._whole = self._seconds("model_sat_answer_seconds", "last")
        self._prompt_tokens = self._of_candidate("model_sat_prompt_tokens", "Tokens of prompts")
        self._completion_tokens = self._of_candidate(
            "model_sat_completion_tokens", "Tokens of answers"
        )
        self._cost = self._of_candidate("model_sat_cost_dollars", "US dollars that answers cost")
        self._broken = self._of_candidate(
            "model_sat_broken_answers", "Answers that failed, or were left, after their first token"
        )
        self._passed_over = Counter(
            "model_sat_passed_over", "Candidates that did not answer", ("candidate", "reason")
        )
        self._breaker = Gauge(
            "model_sat_breaker_state", "0: closed, 1: half-open, 2: open", ("candidate",)
        )
        self._in_service = Gauge("model_sat_candidates", "Candidates that may be chosen")
        self._dropped = Counter("model_sat_journal_dropped_rows", "Rows the journal has lost")
        self._lock = threading.Lock()
        self._states: dict[str, State] = {}
        self._candidates: int | None = None
        self._closing = threading.Event()
        threading.Thread(target=self._repeat_gauges, name="metrics", daemon=True).start()

    def answered(self, answered: Answered) -> None:
        """A request is done; counts whom it passed over as well."""
        choice = answered.choice
        self.passed_over(choice.passed_over)
        candidate = {"candidate": choice.candidate}
        if choice.score is not None:
            self._scores.observe(choice.score, candidate)
        self._selection.observe(answered.selection_seconds)
        self._choices.inc(1, candidate | {"why": choice.why})
        self._first.observe(answered.first_seconds, candidate)
        self._whole.observe(answered.seconds, candidate)
        for counter, amount in (
            (self._prompt_tokens, answered.prompt_tokens),
            (self._completion_tokens, answered.completion_tokens),
            (self._cost, answered.cost),
        ):
            if amount:  # Ray refuses to count nothing
                counter.inc(amount, candidate)
        if answered.broken is not None:
            self._broken.inc(1, candidate)

    def passed_over(self, reasons: Mapping[str, str]) -> None:
        """Candidates that did not answer, and why. Of a request that somebody answered in the end
        ``answered`` tells it.
        """
        for candidate, reason in reasons.items():
            self._passed_over.inc(1, {"candidate": candidate, "reason": reason_class(reason)})

    def breaker(self, candidate: str, state: State | None) -> None:
        """The circuit breaker of a candidate is in that state now; None: there is none any more."""
        with self._lock:
            if state is None:
                self._states.pop(candidate, None)
            else:
                self._states[candidate] = state
        self._set_gauges()

    def in_service(self, candidates: int) -> None:
        """So many candidates may be chosen now."""
        with self._lock:
            self._candidates = candidates
        self._set_gauges()

    def journal_dropped(self, rows: int) -> None:
        """The journal has lost so many rows more."""
        self._dropped.inc(rows)

    def close(self) -> None:
        """What was a state is not true any longer."""
        self._closing.set()

    def _repeat_gauges(self) -> None:
        while not self._closing.wait(_REPEAT_SECONDS):
            self._set_gauges()

    def _set_gauges(self) -> None:
        with self._lock:
            for candidate, state in self._states.items():
                self._breaker.set(_BREAKER_VALUES[state], {"candidate": candidate})
            if self._candidates is not None:
                self._in_service.set(self._candidates)

    @staticmethod
    def _seconds(name: str, token: str) -> Histogram:
        description = f"Seconds until the {token} token of an answer"
        return Histogram(name, description, _ANSWER_SECONDS, ("candidate",))

    @staticmethod
    def _of_candidate(name: str, description: str) -> Counter:
        return Counter(name, description, ("candidate",))

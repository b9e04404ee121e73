"""The OpenAI-compatible ingress: Ray's own, with one more model name that lets us choose.

A request for ``auto`` is scored by the selector and goes to the chosen candidate, or, if that one
does not begin to answer, to the next best; a request for a candidate's id goes straight there.
Everything else (parameters, streaming, model cards) is Ray's. What was chosen stands in the
response: ``model``, the headers, and a ``model_sat`` object (in the first event of a stream) which
OpenAI clients ignore. A request may have an object ``model_sat`` too, with its wishes
(``actors.router.rules.Wish``). ``/v1/select`` chooses only; ``/v1/live`` tells what was done here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter
from ray.serve.handle import DeploymentHandle
from ray.serve.llm.ingress import OpenAiIngress
from ray.serve.llm.openai_api_models import ChatCompletionRequest

from actors.router.answered import Answered
from actors.router.bodies import ChatBody, CompletionBody
from actors.router.conversations import Conversations
from actors.router.feedback import FeedbackRequest
from actors.router.forwarding import Forwarding, NobodyAnsweredError, Send
from actors.router.guard import caller_of
from actors.router.observing import Observing
from actors.router.requests import (
    Asked,
    Body,
    SelectRequest,
    asked_of,
    callers_mistake,
    checked_wish,
    instruction_of,
    taken_wish,
)
from actors.router.responses import Told, with_choice
from actors.router.rules import Choice, Rules, Wish
from actors.router.selector_handle import SelectorHandle
from actors.router.service import Service, service
from actors.router.waiting import WentDownError
from actors.selector.deployment import Scored, SelectorDeployment
from actors.selector.nearest import Near
from cluster.roster import Roster, read_roster
from cluster.settings import RouterSettings
from cluster.store import Store
from cluster.zoo import RemoteEngine, Zoo

log = logging.getLogger("ray.serve")
_OPTIONS: Any = ChatCompletionRequest.model_fields["stream_options"].annotation
_COUNT_TOKENS = TypeAdapter(_OPTIONS).validate_python({"include_usage": True})
_SELECTOR_TRIES = 3  # a replica may die with our request on it; another one is asked


T = TypeVar("T")


class SelectingIngress(OpenAiIngress):  # type: ignore[misc]  # Ray's classes carry no types
    """Ray's OpenAI ingress that resolves the model name ``auto`` by asking the selector."""

    def __init__(
        self,
        *,
        candidates: Mapping[str, DeploymentHandle],
        selector: DeploymentHandle | partial[SelectorDeployment],
        zoo: Zoo,
        router: RouterSettings,
        selector_name: str,
        store_url: str,
    ) -> None:
        """As ``actors.router.app`` binds it: candidates are those of the zoo it is built with."""
        store = Store(store_url)
        self._read = partial(read_roster, store)
        self._made = partial(
            service,
            zoo,
            router=router,
            selector_name=selector_name,
            store=store,
            handles=candidates,
        )
        self._started_with = zoo.ids()
        self._roster = self._read()
        self._service = self._made(self._roster)
        super().__init__(dict(self._service.handles), dict(self._service.models))
        self._selector = selector() if isinstance(selector, partial) else SelectorHandle(selector)
        self._router = router
        self._observing = Observing(store, router)
        self._metrics = self._observing.metrics
        self._metrics.in_service(len(self._service.rules.candidates))
        self._forwarding = Forwarding(
            router.breaker,
            router.first_token_seconds,
            router.answer_seconds,
            lambda id: self._service.is_down(id),
            self._observing.breaker,
        )
        self._conversations = Conversations()
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def model(self, model_id: str) -> Any:
        """The card of a candidate, or of ``auto``."""
        if model_id != self._router.auto_name:
            return await super().model(model_id)
        card, rules = next(iter(self._model_cards.values())), self._service.rules
        chooses = {
            "candidates": sorted(rules.candidates),
            "policy": rules.policy.model_dump(),
            "allow_policies": rules.allow_policies,
        }
        return card.model_copy(
            update={"id": self._router.auto_name, "owned_by": "model-sat", "metadata": chooses}
        )

    async def models(self) -> Any:
        """All candidates and ``auto``."""
        cards = await super().models()
        cards.data.insert(0, await self.model(self._router.auto_name))
        return cards

    async def chat(self, body: ChatBody, request: Request) -> Response:
        """Answers a chat."""
        response: Response = await super().chat(body, request)
        return response

    async def completions(self, body: CompletionBody, request: Request) -> Response:
        """Completes a prompt."""
        response: Response = await super().completions(body, request)
        return response

    async def select(self, body: SelectRequest) -> Response:
        """Scores and choice for every instruction, in their order; nothing is generated."""
        texts = [instruction_of(given) for given in body.all()]
        rules = self._rules(body.model_sat)
        found = await self._scores(texts)
        down = self._forwarding.down(self._service.zoo.ids())
        latencies = self._forwarding.latencies()
        choices = []
        for given, text, scored in zip(body.all(), texts, found, strict=True):
            stay_with = body.model_sat.stay_with
            if not isinstance(given, str):
                stay_with = stay_with or self._conversations.candidate(given)
            passed_over = down | rules.too_long(len(text.encode()), 0)
            choice = self._choice(rules, scored, latencies, stay_with, passed_over)
            choices.append(choice or self._choice(rules, scored, latencies, stay_with, down))
        data = [asdict(choice) for choice in choices if choice]
        if len(data) < len(choices):
            raise HTTPException(503, "no candidate is running")
        if body.tasks:
            for row, near in zip(data, await self._tasks(texts, body.tasks), strict=True):
                row["tasks"] = [task._asdict() for task in near]
        return JSONResponse({"object": "list", "data": data})

    async def live(self) -> dict[str, Any]:
        """What this replica has done since it started, and who is up."""
        ids, to = self._service.zoo.ids(), self._forwarding
        return self._observing.live.told(ids, to.down(ids), to.latencies())

    async def feedback(self, body: FeedbackRequest, request: Request) -> Response:
        """Takes down what somebody thought of an answer."""
        return self._observing.feedback(body, caller_of(request))

    async def told(self) -> dict[str, Any]:
        """Who is in service, for jobs that show or change it; not served over HTTP."""
        (scored,) = await self._scores(["Who is scored?"])
        rules = self._service.rules
        return {
            "started_with": self._started_with,
            "in_service": self._service.zoo.ids(),
            "chosen_from": list(rules.candidates),
            "escalates_to": rules.escalation.candidate if rules.escalation else None,
            "scored": sorted(scored.scores) if scored.selector else [],
            "selector": scored.selector,
        }

    async def _process_llm_request(
        self, body: Body, call_method: str, raw_request: Request
    ) -> Response:
        wish, options = taken_wish(body), body.stream_options

        async def send(id: str) -> Response:
            body.model = id
            if options is None:
                self._ask_for_counts(id, body)
            answer: Response = await super(SelectingIngress, self)._process_llm_request(
                body, call_method, raw_request
            )
            return answer

        if body.model == self._router.auto_name:
            answered = self._observing.begun(raw_request)
            asked = asked_of(body)
            return await self._auto(asked, checked_wish(wish), send, not options, answered)
        id = await self._get_model_id(body.model)  # raises 404 where there is none
        answer = await self._forwarding.by_name(id, send, bool(body.stream))
        return with_choice(answer, None, drop_usage=not options)

    async def _auto(
        self,
        asked: Asked,
        wish: Wish,
        send: Send,
        drop_usage: bool,
        answered: Callable[[Answered], None],
    ) -> Response:
        """The answer of the candidate that is chosen, or of the next best that answers."""
        started, here, rules = time.monotonic(), self._service, self._rules(wish)
        stay_with = wish.stay_with or self._conversations.candidate(asked.messages)
        (scored,) = await self._scores([asked.text])
        chosen = time.monotonic()

        def next_choice(passed_over: Mapping[str, str]) -> Choice | None:
            latencies = self._forwarding.latencies(asked.streams)
            return self._choice(rules, scored, latencies, stay_with, passed_over)

        try:
            answer, choice = await self._forwarding.answer(
                next_choice,
                send,
                rules.too_long(asked.prompt_bytes, asked.answer_tokens),
                self._forwarding.down(rules.answering()),
                asked.streams,
            )
        except NobodyAnsweredError as error:
            self._metrics.passed_over(error.passed_over)
            raise
        begun = time.monotonic()

        def ended(told: Told) -> None:
            if asked.messages:
                self._conversations.answered(asked.messages, choice.candidate)
            cost = here.zoo.candidate(choice.candidate).cost
            answered(
                Answered(
                    response_id=told.response_id,
                    instruction=asked.text,
                    choice=choice,
                    selection_seconds=chosen - started,
                    first_seconds=begun - started,
                    seconds=time.monotonic() - started,
                    prompt_tokens=told.prompt_tokens,
                    completion_tokens=told.completion_tokens,
                    cost=cost(told.prompt_tokens, told.completion_tokens),
                    broken=told.broken,
                )
            )

        return with_choice(answer, choice, ended, drop_usage)

    def _rules(self, wish: Wish) -> Rules:
        with callers_mistake():
            return self._service.rules.within(wish)

    def _choice(
        self,
        rules: Rules,
        scored: Scored,
        latencies: Mapping[str, float],
        stay_with: str | None,
        passed_over: Mapping[str, str],
    ) -> Choice | None:
        choice = rules.choice(scored.scores, latencies, stay_with, passed_over)
        if choice is None:
            return None
        blind = scored.selector is None and choice.why == "policy"
        return replace(choice, selector=scored.selector, why="aptitude" if blind else choice.why)

    async def _scores(self, texts: list[str]) -> list[Scored]:
        """What the selector says of each; where it says nothing, the cards' mean accuracies."""
        found = await self._ask(lambda: self._selector.scores(texts))
        return found or [Scored(None, self._service.aptitudes)] * len(texts)

    async def _tasks(self, texts: list[str], count: int) -> list[list[Near]]:
        """The nearest core tasks of each, or none where the selector says nothing."""
        found = await self._ask(lambda: self._selector.tasks(texts, count))
        return found or [[]] * len(texts)

    async def _ask(self, selector: Callable[[], Awaitable[T]]) -> T | None:
        for _ in range(_SELECTOR_TRIES):
            try:
                async with asyncio.timeout(self._router.selector_seconds):
                    return await selector()
            except (TimeoutError, WentDownError):
                break
            except Exception as error:  # whatever it is: without scores there is still an answer
                log.warning("the selector did not answer: %s", type(error).__name__)
        return None

    def _ask_for_counts(self, id: str, body: Body) -> None:
        """Has a stream tell its token counts; endpoints elsewhere may not know that option."""
        ours = any(
            candidate.id == id and not isinstance(candidate.engine, RemoteEngine)
            for candidate in self._service.zoo.candidates
        )
        body.stream_options = _COUNT_TOKENS if body.stream and ours else None
        if body.stream_options is None:  # what was set is sent, and null is a value
            body.model_fields_set.discard("stream_options")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._router.watch_seconds)
            try:
                await asyncio.to_thread(self._look_at_roster)
            except Exception as error:  # whatever it is: looking must go on
                log.warning("who is in service could not be read: %s", error)

    def _look_at_roster(self) -> None:
        roster = self._read()
        if roster != self._roster or self._service.missing:
            here = self._made(roster)
            if roster != self._roster or here.missing != self._service.missing:
                self._take_up(roster, here)

    def _take_up(self, roster: Roster, here: Service) -> None:
        if here.missing:
            log.warning("joined, but not started here: %s", ", ".join(sorted(here.missing)))
        self._service = here
        self._default_serve_handles = dict(here.handles)
        self._model_cards = dict(here.models)
        self._configured_serve_handles.clear()
        self._metrics.in_service(len(here.rules.candidates))
        for id in roster.left:
            self._observing.breaker(id, None)
        self._roster = roster

    def __del__(self) -> None:  # Serve calls it when a replica is shut down
        if observing := getattr(self, "_observing", None):
            observing.close()

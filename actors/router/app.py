"""Builds the router's Serve application: selector, one deployment per candidate, ingress.

``import_path: actors.router.app:build_app``; the arguments are those of ``RouterArgs``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from ray import serve

# Ray publishes how to give an ingress more routes, but not these, which that takes.
from ray.llm._internal.serve.core.configs.openai_api_models import to_model_metadata
from ray.llm._internal.serve.core.ingress.ingress import DEFAULT_ENDPOINTS, init
from ray.serve import Application
from ray.serve.llm import LLMConfig, build_llm_deployment
from ray.serve.llm.ingress import make_fastapi_ingress

from actors.candidate.online import llm_config
from actors.examiner.card import CapabilityCard
from actors.examiner.records import load_cards
from actors.router.guard import guard
from actors.router.ingress import SelectingIngress
from actors.router.refusals import answer_errors_as_openai
from actors.router.requests import StrictRoute
from actors.router.rules import operator_rules
from actors.selector.checkpoint import tuned_test
from actors.selector.deployment import SelectorDeployment
from cluster.errors import SettingsError
from cluster.settings import RouterSettings, Section, Settings
from cluster.store import Store
from cluster.zoo import load_zoo

# The rest of Ray's (embeddings, scores, transcriptions, tokens) is not what a zoo's candidates do.
_RAYS_ENDPOINTS = ("models", "model_data", "completions", "chat")


class RouterArgs(Section):
    """What the application is built from."""

    store: str
    zoo: str
    selector_name: str
    router: RouterSettings = RouterSettings()


def build_app(args: RouterArgs) -> Application:
    """The application that answers at /v1.

    Raises:
        SettingsError: the zoo file breaks a rule or names a candidate like the virtual model, or
            the router's settings do not fit the zoo.
        StoreError: the selector, a card or a model folder is not in the store.
    """
    zoo = load_zoo(args.zoo)
    auto_name = args.router.auto_name
    if auto_name in zoo.ids():
        raise SettingsError(
            f"{args.zoo}: no candidate may be called '{auto_name}': the name lets the selector "
            "choose (key 'router.auto_name')"
        )
    router, store = args.router, Store(args.store)
    rules = operator_rules(zoo, router)
    # Replicas load these again; here it is said at once if they are not there.
    test = tuned_test(store.local_folder(f"selectors/{args.selector_name}"))
    cards = {card.model_id: card for card in load_cards(store, test, rules.candidates)}
    selector = serve.deployment(
        SelectorDeployment,
        num_replicas=router.selector_replicas,
        max_ongoing_requests=256,
        ray_actor_options={"num_gpus": router.selector_gpus},
    ).bind(
        store.url,
        args.selector_name,
        rules.candidates,
        device="cuda" if router.selector_gpus else "cpu",
        max_batch=router.selector_batch,
        before=router.filter,
    )
    configs = [llm_config(candidate, store) for candidate in zoo.candidates]
    http = init()
    http.router.route_class = StrictRoute
    answer_errors_as_openai(http)
    guard(http, router.guard)
    return _ingress(http, configs, cards, selector=selector, auto_name=auto_name, rules=rules)


def _ingress(
    http: FastAPI, configs: list[LLMConfig], cards: Mapping[str, CapabilityCard], **chooses: Any
) -> Application:
    """As Ray's ``build_openai_app``, with ``/v1/select``, OpenAI's errors, and capabilities."""
    routes = {name: DEFAULT_ENDPOINTS[name] for name in _RAYS_ENDPOINTS}
    routes["select"] = lambda app: app.post("/v1/select")
    ingress = make_fastapi_ingress(SelectingIngress, endpoint_map=routes, app=http)
    return serve.deployment(ingress, **SelectingIngress.get_deployment_options(configs)).bind(
        llm_deployments={config.model_id: build_llm_deployment(config) for config in configs},
        model_cards={
            config.model_id: to_model_metadata(
                config.model_id, config, _capability(cards.get(config.model_id))
            )
            for config in configs
        },
        **chooses,
    )


def _capability(card: CapabilityCard | None) -> dict[str, Any]:
    """What ``/v1/models`` tells of a candidate; nothing of one that ``auto`` may not choose."""
    if card is None:
        return {}
    return {"capability": card.model_dump(mode="json", include={"test", "tasks", "notes"})}


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Runs the application on the Ray cluster around; yields its base URL, and stops it at the end.

    Raises:
        SettingsError, StoreError: as ``build_app``, before anything is started.
    """
    args = RouterArgs(**settings.model_dump(include=set(RouterArgs.model_fields)))
    app = build_app(args)
    host, port = settings.router.host, settings.router.port
    serve.start(http_options={"host": host, "port": port})
    try:
        serve.run(app, name="model-sat", route_prefix="/")
        yield f"http://{host}:{port}/v1"
    finally:
        serve.shutdown()

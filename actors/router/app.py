"""Builds the router's Serve application: selector, one deployment per candidate, ingress.

``import_path: actors.router.app:build_app``; the arguments are those of ``RouterArgs``.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ray import serve

# Ray publishes how to give an ingress more routes, but not these, which that takes.
from ray.llm._internal.serve.core.ingress.ingress import DEFAULT_ENDPOINTS, init
from ray.serve import Application
from ray.serve.llm.ingress import make_fastapi_ingress

from actors.candidate import online
from actors.examiner.records import load_cards
from actors.router.bodies import StrictRoute
from actors.router.guard import guard
from actors.router.ingress import SelectingIngress
from actors.router.page import Page
from actors.router.refusals import answer_errors_as_openai
from actors.router.rules import operator_rules
from actors.selector.checkpoint import tuned_test
from actors.selector.deployment import SelectorDeployment
from cluster.errors import EngineError, SettingsError
from cluster.roster import read_roster
from cluster.settings import RouterSettings, Section, Settings
from cluster.store import Store
from cluster.tables import absolute
from cluster.zoo import load_zoo

log = logging.getLogger(__name__)

NAME = "model-sat"
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
    if args.router.auto_name in zoo.ids():
        raise SettingsError(
            f"{args.zoo}: no candidate may be called '{args.router.auto_name}': the name lets the "
            "selector choose (key 'router.auto_name')"
        )
    router, store = args.router, Store(args.store)
    rules = operator_rules(zoo, router)
    # Replicas load these again; here it is said at once if they are not there.
    test = tuned_test(store.local_folder(f"selectors/{args.selector_name}"))
    load_cards(store, test, rules.candidates)
    selector = partial(
        SelectorDeployment,
        store.url,
        args.selector_name,
        rules.candidates,
        device="cuda" if router.selector_gpus else "cpu",
        max_batch=router.selector_batch,
        watch_seconds=router.watch_seconds,
        before=router.filter,
    )
    return _ingress(router).bind(
        candidates={one.id: online.build_app(one, store) for one in zoo.candidates},
        selector=selector if router.selector_in_ingress else _deployed(selector, router),
        zoo=zoo,
        router=router,
        selector_name=args.selector_name,
        store_url=store.url,
    )


def _deployed(selector: partial[SelectorDeployment], router: RouterSettings) -> Application:
    """The selector as replicas of its own."""
    options: dict[str, Any] = {"num_replicas": router.selector_replicas}
    if router.selector_max_replicas:
        options = {
            "autoscaling_config": {
                "min_replicas": router.selector_replicas,
                "max_replicas": router.selector_max_replicas,
                "target_ongoing_requests": router.selector_batch,
            }
        }
    deployment = serve.deployment(
        selector.func,
        max_ongoing_requests=256,
        ray_actor_options={"num_gpus": router.selector_gpus},
        **online.HEALTH,
        **options,
    )
    return deployment.bind(*selector.args, **selector.keywords)


def _ingress(router: RouterSettings) -> Any:
    """As Ray's ``build_openai_app`` makes it, with our routes, guard, and OpenAI's errors."""
    http = init()
    http.router.route_class = StrictRoute
    answer_errors_as_openai(http)
    guard(http, router.guard)
    if router.page:
        http.add_middleware(Page)
    routes = {name: DEFAULT_ENDPOINTS[name] for name in _RAYS_ENDPOINTS}
    routes["select"] = lambda app: app.post("/v1/select")
    routes["live"] = lambda app: app.get("/v1/live")
    routes["feedback"] = lambda app: app.post("/v1/feedback")
    ingress = make_fastapi_ingress(SelectingIngress, endpoint_map=routes, app=http)
    options = SelectingIngress.get_deployment_options()
    options["autoscaling_config"]["min_replicas"] = router.ingress_replicas
    options["autoscaling_config"]["max_replicas"] = router.ingress_replicas
    return serve.deployment(ingress, **options | online.HEALTH)


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Runs the application on the Ray cluster around; yields its base URL, and stops it at the end.

    Raises:
        SettingsError, StoreError: as ``build_app``, before anything is started.
        EngineError: it did not start, or a candidate that joined earlier did not.
    """
    args = RouterArgs(**settings.model_dump(include=set(RouterArgs.model_fields)))
    if keys := args.router.guard.keys:  # replicas run in other folders
        guard = args.router.guard.model_copy(update={"keys": absolute(keys)})
        args = args.model_copy(update={"router": args.router.model_copy(update={"guard": guard})})
    app = build_app(args)
    rolled = read_roster(Store(args.store)).selector_name
    if rolled not in (None, args.selector_name):
        log.warning(
            "selector '%s', which was rolled in, chooses, not '%s'; roll-selector changes that",
            rolled,
            args.selector_name,
        )
    host, port = settings.router.host, settings.router.port
    serve.start(http_options={"host": host, "port": port})
    try:
        _start_joined(args)
        _run(app)
        yield f"http://{host}:{port}/v1"
    finally:
        serve.shutdown()


def _run(app: Application) -> None:
    try:
        serve.run(app, name=NAME, route_prefix="/")
    except RuntimeError as error:  # Serve has no class of its own for it
        raise EngineError(f"the router did not start: {error}") from error


def _start_joined(args: RouterArgs) -> None:
    """Starts who joined an earlier router of this store, and stands in no zoo file yet."""
    store, built_with = Store(args.store), load_zoo(args.zoo).ids()
    for candidate in read_roster(store).joined:
        if candidate.id not in built_with:
            online.start(candidate, store)

"""Builds the router's Serve application: selector, one deployment per candidate, ingress.

``import_path: actors.router.app:build_app``; the arguments are those of ``RouterArgs``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ray import serve
from ray.serve import Application
from ray.serve.llm import build_openai_app

from actors.candidate.online import llm_config
from actors.examiner.records import load_cards
from actors.router.ingress import SelectingIngress
from actors.selector.checkpoint import tuned_test
from actors.selector.deployment import SelectorDeployment
from cluster.errors import SettingsError
from cluster.settings import RouterSettings, Section, Settings
from cluster.store import Store
from cluster.zoo import load_zoo


class RouterArgs(Section):
    """What the application is built from."""

    store: str
    zoo: str
    selector_name: str
    router: RouterSettings = RouterSettings()


def build_app(args: RouterArgs) -> Application:
    """The application that answers at /v1.

    Raises:
        SettingsError: the zoo file breaks a rule, or names a candidate like the virtual model.
        StoreError: the selector, a card or a model folder is not in the store.
    """
    zoo = load_zoo(args.zoo)
    auto_name = args.router.auto_name
    if auto_name in zoo.ids():
        raise SettingsError(
            f"{args.zoo}: no candidate may be called '{auto_name}': the name lets the selector "
            "choose (key 'router.auto_name')"
        )
    store = Store(args.store)
    # Replicas load these again; here it is said at once if they are not there.
    load_cards(store, tuned_test(store.local_folder(f"selectors/{args.selector_name}")), zoo.ids())
    router = args.router
    selector = serve.deployment(
        SelectorDeployment,
        num_replicas=router.selector_replicas,
        max_ongoing_requests=256,
        ray_actor_options={"num_gpus": router.selector_gpus},
    ).bind(
        store.url,
        args.selector_name,
        zoo.ids(),
        device="cuda" if router.selector_gpus else "cpu",
        max_batch=router.selector_batch,
    )
    return build_openai_app(
        {
            "llm_configs": [llm_config(candidate, store) for candidate in zoo.candidates],
            "ingress_cls_config": {
                "ingress_cls": SelectingIngress,
                "ingress_extra_kwargs": {"selector": selector, "auto_name": auto_name},
            },
        }
    )


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

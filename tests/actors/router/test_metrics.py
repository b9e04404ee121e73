"""The router's metrics in Prometheus, and the dashboard: every query asks for what is really there.

There is no PromQL parser here: queries are held to the few forms that this file takes apart.
"""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.router.answered import Answered
from actors.router.rules import Choice

DASHBOARD = Path(__file__).parents[3] / "manifests" / "grafana" / "model-sat.json"
PORT = 8320
VARIABLES = {"$application": ".*", "$candidate": ".*"}
WORDS = {"sum", "max", "rate", "increase", "histogram_quantile", "by", "label_values"}
SELECTOR = re.compile(r"([a-zA-Z_]\w*)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')
COUNTED = re.compile(r"(?:rate|increase)\(\w+\{[^}]*\}\[\$__(?:rate_interval|range)\]\)")
GROUPED = re.compile(r"by \(([\w, ]+)\)")

Labels = dict[str, str]
Scraped = dict[str, list[tuple[Labels, float]]]


class Selector(NamedTuple):
    """A metric and the matchers on its labels."""

    metric: str
    matchers: list[tuple[str, str, str]]


def selectors(query: str) -> list[Selector]:
    found = SELECTOR.findall(query)
    for _, matchers in found:
        assert MATCHER.sub("", matchers).strip(",") == "", query
    return [Selector(metric, MATCHER.findall(matchers)) for metric, matchers in found]


def queries() -> dict[str, str]:
    """Every query of the dashboard, by where it stands."""
    board = json.loads(DASHBOARD.read_text())
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", [])
    }
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found[variable["name"]] = variable["query"]["query"]
    return found


def routed() -> Any:
    """A Serve application that counts as the ingress does, and has one route that fails."""
    from fastapi import FastAPI, HTTPException
    from ray import serve

    http = FastAPI()

    @serve.deployment(name="Counts")
    @serve.ingress(http)
    class Counts:
        def __init__(self) -> None:
            from actors.router.metrics import RouterMetrics

            self.metrics = RouterMetrics()
            self.metrics.in_service(3)
            for candidate, state in (("a", "open"), ("a", "closed"), ("b", "half-open")):
                self.metrics.breaker(candidate, state)  # type: ignore[arg-type]
            self.metrics.breaker("c", "open")

        @http.get("/answer")
        def answer(self, candidate: str, why: str) -> None:
            passed_over = {"c": "429: on 'my secret'"} if why == "fallback" else {}
            choice = Choice(
                candidate,
                0.75,
                "best-quality",
                {candidate: 0.75},
                why,  # type: ignore[arg-type]
                passed_over,
            )
            broken = "the engine died" if why == "escalation" else None
            self.metrics.answered(
                Answered("r", "my secret", choice, 0.003, 0.2, 2.0, 100, 40, 0.01, broken, "key")
            )

        @http.get("/silent")
        def silent(self) -> None:
            choice = Choice("a", None, "best-quality", {"a": 0.0})
            self.metrics.passed_over({"c": "Traceback of 'my secret'"})
            self.metrics.answered(Answered("r", "", choice, 0.003, 0.0, 0.0, None, 0, 0.0))

        @http.get("/lose")
        def lose(self) -> None:
            self.metrics.journal_dropped(5)

        @http.get("/fail")
        def fail(self) -> None:
            raise HTTPException(503)

    return Counts.bind()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def endpoint(ray_cluster: None) -> Iterator[str]:
    """Where Prometheus reads the metrics of the node; the application above has been used."""
    import ray
    from ray import serve

    serve.start(http_options={"port": PORT})
    serve.run(routed(), name="model-sat", route_prefix="/")
    try:
        for path in ("answer?candidate=a&why=policy", "answer?candidate=b&why=fallback"):
            httpx.get(f"http://127.0.0.1:{PORT}/{path}", timeout=60).raise_for_status()
        for path in ("answer?candidate=b&why=escalation", "silent", "lose"):
            httpx.get(f"http://127.0.0.1:{PORT}/{path}", timeout=60).raise_for_status()
        assert httpx.get(f"http://127.0.0.1:{PORT}/fail", timeout=60).status_code == 503
        node = ray.nodes()[0]
        yield f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    finally:
        serve.shutdown()


@pytest.fixture(scope="module")
def scraped(endpoint: str) -> Scraped:
    """What is there once all is that the dashboard asks for."""
    wanted = {each.metric for query in queries().values() for each in selectors(query)}
    return scrape(endpoint, wanted)


def scrape(url: str, wanted: set[str]) -> Scraped:
    """All samples by the name that queries use, once all of ``wanted`` was there.

    Processes report every ten seconds; some of Serve's gauges are there for twenty only.
    """
    deadline = time.monotonic() + 60
    seen: Scraped = {}
    while True:
        found: Scraped = {}
        for family in text_string_to_metric_families(httpx.get(url, timeout=60).text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        seen |= found
        if wanted <= seen.keys() or time.monotonic() > deadline:
            return seen
        time.sleep(0.5)


def value(scraped: Scraped, metric: str, **labels: str) -> float:
    return sum(number for found, number in ours(scraped, metric) if labels.items() <= found.items())


def ours(scraped: Scraped, metric: str) -> list[tuple[dict[str, str], float]]:
    """Without those of routers that other tests of this session served."""
    return [(found, number) for found, number in scraped[metric] if found["deployment"] == "Counts"]


@pytest.mark.parametrize("place", queries())
def test_a_query_has_a_form_that_this_file_understands(place: str) -> None:
    query = queries()[place]
    rest = COUNTED.sub("", query)
    assert "[" not in rest, "a range outside of rate and increase"
    uncounted = [each.metric for each in selectors(rest)]
    if not query.startswith("label_values("):
        assert not [name for name in uncounted if name.endswith(("_total", "_bucket"))]
    words = re.findall(r"[a-zA-Z_]\w*", GROUPED.sub("", SELECTOR.sub("", rest)))
    if query.startswith("label_values("):
        words.remove(place)
    assert set(words) <= WORDS
    assert query.count("(") == query.count(")")


@pytest.mark.slow
def test_every_query_selects_metrics_and_labels_that_are_there(scraped: Scraped) -> None:
    for place, query in queries().items():
        assert selectors(query), place
        for selector in selectors(query):
            assert selector.metric in scraped, place
            samples = [labels for labels, _ in scraped[selector.metric]]
            for label, operator, wanted in selector.matchers:
                assert all(label in labels for labels in samples), (place, label)
                pattern = VARIABLES.get(wanted, re.escape(wanted))
                assert operator == "=~" or "$" not in wanted, place
                samples = [found for found in samples if re.fullmatch(pattern, found[label])]
            assert samples, (place, selector)
            for labels in GROUPED.findall(query):
                assert all(set(labels.split(", ")) <= found.keys() for found in samples), place


@pytest.mark.slow
def test_the_dashboard_shows_all_that_the_router_counts(scraped: Scraped) -> None:
    counted = {name for name in scraped if name.startswith("ray_model_sat_")}
    counted = {name for name in counted if not name.endswith(("_sum", "_count"))}
    assert counted == {
        each.metric
        for query in queries().values()
        for each in selectors(query)
        if each.metric.startswith("ray_model_sat_")
    }


@pytest.mark.slow
def test_what_was_counted_is_what_happened(scraped: Scraped) -> None:
    choices = "ray_model_sat_choices_total"
    assert value(scraped, choices, candidate="a", why="policy") == 2
    assert value(scraped, choices, candidate="b", why="fallback") == 1
    assert value(scraped, choices, candidate="b", why="escalation") == 1
    assert value(scraped, "ray_model_sat_prompt_tokens_total") == 300
    assert value(scraped, "ray_model_sat_completion_tokens_total", candidate="b") == 80
    assert value(scraped, "ray_model_sat_cost_dollars_total") == pytest.approx(0.03)
    assert value(scraped, "ray_model_sat_broken_answers_total", candidate="b") == 1
    assert value(scraped, "ray_model_sat_passed_over_total", candidate="c", reason="busy") == 1
    assert value(scraped, "ray_model_sat_passed_over_total", candidate="c", reason="other") == 1
    assert value(scraped, "ray_model_sat_journal_dropped_rows_total") == 5
    assert value(scraped, "ray_model_sat_candidates") == 3
    states = {
        found["candidate"]: number for found, number in ours(scraped, "ray_model_sat_breaker_state")
    }
    assert states == {"a": 0, "b": 1, "c": 2}
    assert value(scraped, "ray_model_sat_scores_count", candidate="b") == 2
    assert value(scraped, "ray_model_sat_selection_seconds_bucket", le="0.004") == 4
    assert value(scraped, "ray_model_sat_selection_seconds_bucket", le="0.002") == 0
    assert value(scraped, "ray_model_sat_first_token_seconds_bucket", candidate="b", le="0.25") == 2
    assert value(scraped, "ray_model_sat_answer_seconds_bucket", candidate="b", le="1.0") == 0


@pytest.mark.slow
def test_labels_tell_nothing_of_prompts_or_keys(scraped: Scraped) -> None:
    names = [name for name in scraped if name.startswith("ray_model_sat_")]
    told = {text for name in names for labels, _ in scraped[name] for text in labels.values()}
    assert not [text for text in told if "secret" in text or text == "key"]


@pytest.mark.slow
def test_a_state_stays_for_as_long_as_it_is_true(endpoint: str, scraped: Scraped) -> None:
    time.sleep(2 * 10)  # a gauge that nobody sets vanishes after two of Ray's reports
    later = scrape(endpoint, set())
    for gauge in ("ray_model_sat_breaker_state", "ray_model_sat_candidates"):
        assert ours(later, gauge) == ours(scraped, gauge)


def test_every_panel_reads_the_data_source_of_the_dashboard() -> None:
    board = json.loads(DASHBOARD.read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    spots = [tuple(panel["gridPos"][side] for side in "xy") for panel in board["panels"]]
    assert len(set(spots)) == len(spots)

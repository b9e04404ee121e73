"""The page of an assessment: whole, accessible, safe, and quick to open."""

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from actors.assessor.assessment import assess
from actors.assessor.assessment_page import assessment_page
from actors.assessor.check import check
from actors.assessor.check_page import check_page
from actors.assessor.figures import setting_figures
from actors.assessor.findings import Measured
from actors.assessor.methods import MakeMethod
from actors.assessor.parts import read_source
from actors.assessor.plan import Plan
from tests.browser import Browser

MakePlan = Callable[..., Plan]
WriteSource = Callable[..., Path]
HOSTILE = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"


class Seen(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def named(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def check_form(page: str) -> Seen:
    """A page that needs no network and no script, with headings and tables as they must be."""
    seen = Seen(page)
    assert not seen.named("script", "link", "img", "iframe")
    assert not [name for _, has in seen.elements for name in has if name.startswith("on")]
    links = [has[name] or "" for _, has in seen.elements for name in ("href", "src") if name in has]
    ids = [has["id"] for _, has in seen.elements if "id" in has]
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag, _ in seen.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    assert all(has.get("scope") in ("row", "col") for has in seen.named("th"))
    assert len(seen.named("caption")) == len(seen.named("table"))
    return seen


def test_a_page_without_plots_tells_all(plan: Plan, measured: Measured) -> None:
    page = assessment_page(plan, measured)
    assert not check_form(page).named("svg")
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert titles[:-1] == ["seen", "joining", "unseen", "Replay: days", "Coverage: c"]
    for part in ("Which instructions go where", "Core tasks by candidate", ">by-task<", ">torts<"):
        assert part in page
    assert "nan" not in page


def test_figures_say_what_they_show(plan: Plan, measured: Measured) -> None:
    pytest.importorskip("matplotlib", reason="extra 'report' is not installed")
    prices = {"adder": 0.1, "lawyer": 1.0, "linguist": 2.0}
    priced = plan.model_copy(update={"plots": True, "prices": prices})
    page = assessment_page(priced, measured)
    seen = check_form(page)
    figures = seen.named("svg")
    assert len(figures) == 1 + 2 * 3 + 2  # accuracy; calibration and costs; replay, coverage
    ids = {has.get("id") for _, has in seen.elements}
    for has in figures:
        assert has["role"] == "img"
        assert set((has["aria-labelledby"] or "").split()) <= ids
    assert page.count("<desc") == len(figures)
    assert "All 3 together get" in page
    assert "currentColor" in page
    assert "#010203" not in page


@pytest.fixture
def hostile(
    make_plan: MakePlan, write_source: WriteSource, by_task: MakeMethod
) -> tuple[Plan, Measured]:
    """Candidates, tasks, questions, settings and the plan itself are called what would run."""
    pytest.importorskip("matplotlib", reason="extra 'report' is not installed")
    write_source()
    names = {"adder": f"{HOSTILE} $x", "lawyer": "costs $y$", "linguist": "</title>"}
    settings = [{"name": HOSTILE, "tune": "source", "zoo": "three"}]
    zoos = {"three": list(names.values())}
    plan = make_plan(name=HOSTILE, methods=["by-task"], zoos=zoos, settings=settings, plots=True)
    source = read_source(plan.sources["source"])
    source = dataclasses.replace(
        source,
        candidates=[names.get(name, name) for name in source.candidates],
        texts=[f"{HOSTILE} {text}" for text in source.texts],
        categories=[f"{HOSTILE} {category}" for category in source.categories],
    )
    plan = plan.model_copy(update={"prices": dict.fromkeys(source.candidates, 1.0)})
    runs = assess(plan, {"source": source}, by_task)[HOSTILE]
    return plan, Measured({HOSTILE: (runs, setting_figures(runs, plan.draws))}, {}, {})


def test_what_stands_in_a_page_cannot_run(
    hostile: tuple[Plan, Measured], tmp_path: Path, browser: Browser
) -> None:
    page = assessment_page(*hostile)
    check_form(page)
    assert "costs $y$" in page
    place = tmp_path / "report.html"
    place.write_text(page)
    browser.open(place.as_uri())
    assert browser.script("return document.title").startswith("Assessment: <script>")
    assert browser.script("return document.scripts.length + document.images.length") == 0


def test_a_full_report_is_small_and_opens_in_a_second(
    plan: Plan, measured: Measured, tmp_path: Path, browser: Browser
) -> None:
    pytest.importorskip("matplotlib", reason="extra 'report' is not installed")
    runs, figures = measured.settings["seen"]
    tasks = [
        result.model_copy(update={"task": f"{result.task} {number}"})
        for number in range(13)
        for result in runs[0].cards[0].tasks
    ]
    cards = [runs[0].cards[0].model_copy(update={"tasks": tasks})] * 10
    methods = [
        dataclasses.replace(each, method=f"{each.method} {number}")
        for number in range(3)
        for each in figures
    ]
    wide = [dataclasses.replace(runs[0], cards=cards), *runs[1:]]
    full = dataclasses.replace(
        measured, settings={f"setting {n}": (wide, methods) for n in range(9)}
    )
    place = tmp_path / "report.html"
    place.write_text(assessment_page(plan.model_copy(update={"plots": True}), full))
    assert place.stat().st_size < 5e6
    assert min(opening(browser, place) for _ in range(3)) < 1000


def opening(browser: Browser, page: Path) -> float:
    """Milliseconds until a page is loaded."""
    ended = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    browser.open(page.as_uri())
    browser.wait(lambda: browser.script(ended) > 0)
    return float(browser.script(ended))


def test_the_page_of_a_check(write_source: WriteSource) -> None:
    folders = [str(write_source(name)) for name in ("one", "two <script>")]
    page = check_page(check(folders))
    check_form(page)
    assert page.count("What a selector could gain") == 2
    assert "<h3>Models that look broken: none</h3>" in page
    assert re.search(r"Questions in several of these sources: 200", page)
    assert "And 100 more." in page
    assert "at most" in page

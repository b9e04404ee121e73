"""Pages that people open in a browser: one HTML file each, whole without a network.

Owns the frame, which ``templates`` holds: no script, nothing fetched, readable in dark and light
and on paper. Jinja escapes all that is put in, and the pages' own policy lets no script run,
whatever a model or a question is called. What a page says is the business of ``assessment_page``
and ``check_page``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@dataclass(frozen=True)
class Section:
    """A part of a page that its list of sections leads to."""

    anchor: str
    title: str


@dataclass(frozen=True)
class HeatMap:
    """Shares in [0, 1], each cell as dark as its share is high."""

    caption: str
    head: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float]]]


def render(template: str, **values: Any) -> str:
    """A page from one of the templates beside this module."""
    environment = Environment(
        loader=PackageLoader("actors.assessor"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)

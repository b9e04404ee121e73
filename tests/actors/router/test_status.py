"""What is said of candidates that serve nowhere, and how what is known is told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.router.status import Standing, status, table
from cluster.settings import SelectorSettings, Settings
from cluster.zoo import Zoo

NOW = datetime(2026, 1, 10, tzinfo=UTC)


@pytest.mark.slow
def test_what_does_not_serve_is_said_with_what_it_would_take(
    tmp_path: Path, ray_cluster: None
) -> None:
    vllm = {"kind": "vllm", "source": "a/b"}
    large = {"gpus": 2, "accelerator_type": "H100", "cpus": 4}
    candidates: list[dict[str, Any]] = [
        {"id": "large", "engine": vllm, "resources": large},
        {"id": "hosted", "engine": {"kind": "remote", "url": "http://h/v1", "model": "m"}},
    ]
    settings = Settings(
        store=str(tmp_path), zoo="-", selector=SelectorSettings(encoder="e", decoder="d")
    )
    rows = status(settings, Zoo.model_validate({"name": "z", "candidates": candidates}))
    assert [(row.name, row.placement, row.health) for row in rows] == [
        ("large", "4 CPU, 1 GPU H100 + 1 GPU H100, tensor parallel 2", "not serving"),
        ("hosted", "0.1 CPU", "not serving"),
    ]
    assert rows[0].as_json()["card_written"] is None


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (timedelta(seconds=30), "0 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=3), "3 d"),
    ],
)
def test_the_age_of_a_card(age: timedelta, told: str) -> None:
    assert Standing("a", "", card_written=NOW - age).card_age(NOW) == told


def test_the_table_has_a_line_for_each() -> None:
    rows = [
        Standing("a", "1 CPU", {"10.0.0.1": 2, "10.0.0.2": 1}, 3, "healthy", NOW),
        Standing("selector", "", {}, 1, "down: it cannot be placed"),
    ]
    heading, first, second = table(rows, NOW)
    assert len(heading) == len(first) == len(second)
    assert first == ("a", "1 CPU", "3 of 3", "10.0.0.1 (2), 10.0.0.2", "healthy", "0 min")
    assert second == ("selector", "", "0 of 1", "", "down: it cannot be placed", "")

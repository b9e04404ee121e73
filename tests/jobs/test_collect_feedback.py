"""``model-sat collect-feedback``: what is written, and what is said."""

from pathlib import Path

from actors.assessor.parts import read_source
from actors.assessor.plan import Source
from actors.router.answered import Answered
from actors.router.journal import Journal
from actors.router.rules import Choice
from cluster.settings import JournalSettings, Settings
from cluster.store import Store
from jobs.collect_feedback import run


def test_outcomes_are_written_and_what_was_left_out_is_said(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "store": str(tmp_path / "store"),
            "zoo": "unread.yaml",
            "selector": {"encoder": "unread", "decoder": "unread"},
        }
    )
    log = Journal(Store(settings.store), JournalSettings(text="full"))
    choice = Choice("a", 0.75, "best-quality", {"a": 0.75})
    log.record(Answered("r1", "What is 2 + 2?", choice, 0.01, 0.1, 0.5))
    log.feedback("r1", 1.0, None)
    log.feedback("made up", 0.0, None)
    log.close()
    result = run(settings)
    place = Path(settings.store) / "feedback"
    assert (result.found["outcomes"], result.found["folder"]) == (1, str(place))
    assert result.lines == [
        f"1 rows of feedback became 1 outcomes of 1 instructions: {place}",
        "1 left out: no such answer in the journal",
    ]
    matrix = read_source(Source(folder=str(place)))
    assert (matrix.prompts, matrix.candidates) == (["What is 2 + 2?"], ["a"])
    assert matrix.scores_NM.tolist() == [[1.0]]

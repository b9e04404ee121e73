import numpy as np
import pytest

from actors.examiner.card import CapabilityCard, TaskResult
from actors.tuner.resit import resit


def card(accuracies: list[float], count: int = 20) -> CapabilityCard:
    tasks = [
        TaskResult(task=f"t{n}", keywords=["k"], accuracy=accuracy, count=count)
        for n, accuracy in enumerate(accuracies)
    ]
    return CapabilityCard(model_id="m", test="toy", tasks=tasks, notes="English")


def test_another_sitting_has_the_binomial_spread() -> None:
    sat = card([0.0, 0.2, 0.5, 1.0])
    found_ST = np.array(
        [[result.accuracy for result in resit(sat, str(n)).tasks] for n in range(3000)]
    )
    np.testing.assert_allclose(found_ST.mean(0), [0.0, 0.2, 0.5, 1.0], atol=0.01)
    expected = [0.0, (0.2 * 0.8 / 20) ** 0.5, (0.25 / 20) ** 0.5, 0.0]
    np.testing.assert_allclose(found_ST.std(0), expected, rtol=0.05)
    np.testing.assert_allclose(found_ST * 20, (found_ST * 20).round(), atol=1e-9)


def test_a_seed_gives_the_same_sitting_and_nothing_but_accuracies_changes() -> None:
    sat = card([0.3] * 50)
    again = resit(sat, "0/1/2/m")
    assert again == resit(sat, "0/1/2/m")
    assert again != resit(sat, "0/1/3/m")
    assert again.mean_accuracy() == pytest.approx(0.3, abs=0.06)
    assert (again.model_id, again.notes, again.test) == (sat.model_id, sat.notes, sat.test)
    assert [task.task for task in again.tasks] == [task.task for task in sat.tasks]

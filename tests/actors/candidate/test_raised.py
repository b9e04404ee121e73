import pytest
import ray
from ray.train import WorkerGroupError

from actors.candidate.raised import as_raised
from cluster.errors import TableError


def test_what_a_task_raised_is_one_line(ray_cluster: None) -> None:
    def task() -> None:
        raise TableError("t.parquet: is empty")

    with pytest.raises(TableError) as caught, as_raised():
        ray.get(ray.remote(num_cpus=0.1)(task).remote())
    assert str(caught.value) == "t.parquet: is empty"


def test_the_first_of_our_errors_is_that_of_tuning() -> None:
    failures: dict[int, Exception] = {0: ValueError("lost"), 1: TableError("t.parquet: is empty")}
    with pytest.raises(TableError, match=r"^t.parquet: is empty$"), as_raised():
        raise WorkerGroupError("many lines", failures)


def test_other_errors_stay() -> None:
    with pytest.raises(WorkerGroupError), as_raised():
        raise WorkerGroupError("many lines", {0: ValueError("lost")})
    with pytest.raises(KeyError), as_raised():
        raise KeyError("x")

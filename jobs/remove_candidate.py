"""A candidate leaves the serving router, without a request lost: others answer from then on."""

from cluster.settings import CandidateSettings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: CandidateSettings) -> Result:
    """Tells that it left."""
    from actors.router.onboarding import remove
    from jobs.ray_session import running_cluster

    with running_cluster(settings.ray):
        remove(settings, settings.candidate)
    return Result({"left": settings.candidate}, [f"{settings.candidate}: left"])


if __name__ == "__main__":
    run_job("remove-candidate")

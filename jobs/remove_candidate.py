"""A candidate leaves the serving router; what it was asked before, it answers."""

from cluster.settings import CandidateSettings
from jobs.cli import run_job


def run(settings: CandidateSettings) -> None:
    """Prints that it left."""
    from actors.router.onboarding import remove
    from jobs.ray_session import running_cluster

    with running_cluster(settings.ray):
        remove(settings, settings.candidate)
    print(f"{settings.candidate}: left")


if __name__ == "__main__":
    run_job("remove-candidate")

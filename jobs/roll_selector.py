"""Another selector chooses in the serving router; no request waits or is lost."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Tells the selector's name."""
    from actors.router.onboarding import roll_selector
    from jobs.ray_session import running_cluster

    with running_cluster(settings.ray):
        roll_selector(settings)
    name = settings.selector_name
    return Result({"selector": name}, [f"selector '{name}' chooses from now on"])


if __name__ == "__main__":
    run_job("roll-selector")

"""One more candidate joins the serving router: sits the aptitude test, starts, is chosen from."""

from cluster.settings import CandidateSettings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: CandidateSettings) -> Result:
    """Tells what the candidate showed in the test."""
    from actors.candidate.fitting import check_each_fits, claims_of
    from actors.router.onboarding import onboard
    from cluster.zoo import load_zoo
    from jobs.ray_session import running_cluster

    with running_cluster(settings.ray) as nodes:
        check_each_fits(claims_of([load_zoo(settings.zoo).candidate(settings.candidate)]), nodes)
        card = onboard(settings, settings.candidate)
    accuracy = card.mean_accuracy()
    return Result(
        {"joined": card.model_id, "accuracy": accuracy},
        [f"{card.model_id}: joined, with {accuracy:.1%} in the aptitude test"],
    )


if __name__ == "__main__":
    run_job("onboard")

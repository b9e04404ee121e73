"""Shows what the serving router runs: which candidate where, how it is, how old its card is."""

from cluster.settings import Settings
from jobs.cli import run_job
from jobs.console import Result


def run(settings: Settings) -> Result:
    """Tells it of every deployment."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    from actors.router.status import status
    from jobs.ray_session import running_cluster

    with running_cluster(settings.ray):
        found = status(settings)
    lines = [("", "HEALTH", "REPLICAS", "NODES", "CARD")]
    for one in found:
        days = (datetime.now(UTC) - one.card_written).days if one.card_written else None
        lines.append(
            (
                one.name,
                one.health,
                ", ".join(f"{count} {state}" for state, count in one.replicas.items()) or "none",
                ", ".join(f"{count} on {node}" for node, count in one.nodes.items()),
                "" if days is None else f"{days} days old",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    told = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return Result({"deployments": [asdict(one) for one in found]}, told)


if __name__ == "__main__":
    run_job("status")

"""Shows what the serving router runs: which candidate where, how it is, how old its card is."""

from cluster.settings import Settings
from jobs.cli import run_job


def run(settings: Settings) -> None:
    """Prints a line for every deployment."""
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
    for line in lines:
        cells = zip(line, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())


if __name__ == "__main__":
    run_job("status")

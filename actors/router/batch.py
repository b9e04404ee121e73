"""Routes a whole data set of instructions: score, choose, answer, write, part by part.

The data set is cut into parts of ``routing.part_rows`` instructions. All of them are scored first
(``batch_scores``); then every candidate answers what it was chosen for (``batch_answers``), so that
an engine starts once and gets full batches; candidates work side by side as far as the cluster has
room. Rows pass through workers only: neither they nor the driver hold more than a few parts.

    routed/NAME/asked.json               what is routed, and by what
    routed/NAME/scored/PART.parquet      a part's instructions, scores and candidates (SCORED)
    routed/NAME/scored/complete.json     how many of each part each candidate shall answer
    routed/NAME/answers/ID/PART.parquet  the CHOICES rows of one candidate, in the data set's order
    routed/NAME/answers/-/PART.parquet   those of instructions that could not be scored
    routed/NAME/complete.json            how many each candidate answered; written last

A file that is there is whole, and is not made again. Every instruction stands in one row of
``answers``.
"""

from actors.candidate.batch import batch_engine
from actors.candidate.side_by_side import side_by_side
from actors.router.batch_answers import answer_parts
from actors.router.batch_scores import Counts, score_parts
from actors.router.instructions import files
from actors.router.rules import Rules, operator_rules
from cluster.errors import SettingsError, TableError
from cluster.settings import Settings
from cluster.store import MARKER, Store
from cluster.zoo import Zoo


def route(zoo: Zoo, settings: Settings, store: Store) -> dict[str, int]:
    """Answers ``settings.routing.instructions``; returns how many each candidate answered.

    Raises:
        SettingsError: no instructions are named, the router's settings do not fit the zoo, or the
            output folder holds another data set.
        TableError: the instructions break a rule of their table.
        StoreError: the selector, a card or a model folder is not in the store, or it cannot be
            written to.
        EngineError: a candidate could not answer at all; the others did.
    """
    routing = settings.routing
    if routing.instructions is None:
        raise SettingsError("key 'routing.instructions': is needed to route a data set")
    base = f"routed/{routing.output}"
    settings = settings.model_copy(update={"store": store.url})  # workers run in other folders
    rules = operator_rules(zoo, settings.router)
    engines = {
        id: batch_engine(zoo.candidate(id), store, routing.batch_size) for id in rules.answering()
    }
    counts = _scored(base, rules, settings, store)
    shares = {id: {part: of[id] for part, of in counts.items() if id in of} for id in engines}

    def answer(id: str) -> None:
        answer_parts(base, id, engines[id], shares[id], settings, store)

    side_by_side({id: engine for id, engine in engines.items() if shares[id]}, answer)
    answered = {id: sum(parts.values()) for id, parts in shares.items()}
    store.write_json(f"{base}/{MARKER}", answered)
    return answered


def _scored(base: str, rules: Rules, settings: Settings, store: Store) -> Counts:
    place = f"{base}/scored/{MARKER}"
    complete = store.exists(place)
    asked = _asked(rules, settings) | _selector(settings, store) | _source(settings, complete)
    if store.exists(f"{base}/asked.json"):
        before = store.read_json(f"{base}/asked.json")
        if other := [key for key, value in asked.items() if before.get(key) != value]:
            raise SettingsError(
                f"key 'routing.output': {store.url_of(base)} was routed with other instructions or "
                f"settings (differs: {', '.join(other)}); name another folder"
            )
    if complete:
        found: Counts = store.read_json(place)
        return found
    counts = score_parts(base, asked, rules, settings, store)
    store.write_json(place, counts)
    return counts


def _asked(rules: Rules, settings: Settings) -> dict[str, object]:
    before = settings.router.filter
    return {
        "instructions": settings.routing.instructions,
        "part_rows": settings.routing.part_rows,
        "max_tokens": settings.routing.max_tokens,
        "selector": settings.selector_name,
        "filter": before and before.model_dump(),
        "candidates": sorted(rules.candidates),
        "policy": rules.policy.model_dump(),
        "escalation": rules.escalation and rules.escalation.model_dump(),
        "prices": rules.prices,
    }


def _selector(settings: Settings, store: Store) -> dict[str, object]:
    """What tells that the selector was not tuned anew under its name; nothing if it is gone."""
    place = f"selectors/{settings.selector_name}"
    return {"selector_copy": store.copy_of(place)} if store.has_folder(place) else {}


def _source(settings: Settings, scored: bool) -> dict[str, object]:
    """What tells that the instructions are those that were scored.

    Once all of them are, they need not be there any more.
    """
    try:
        found = files(str(settings.routing.instructions))
    except TableError:
        if not scored:
            raise
        return {}
    return {"files": [list(file) for file in found]}

"""Collecting with stand-in candidates on a local Ray; judges and failures over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from actors.assessor.check import check
from actors.assessor.parts import read_source
from actors.assessor.plan import Source
from actors.examiner.answers import ANSWERS, Respondent
from actors.examiner.card import CapabilityCard
from actors.examiner.collect import collect
from actors.tuner.samples import read_samples
from actors.tuner.sources import with_outcomes
from cluster.errors import EngineError, SettingsError, TableError
from cluster.settings import RefinementSettings, Settings
from cluster.store import Store
from cluster.tables import OUTCOMES, QUESTIONS
from cluster.zoo import Candidate, Zoo

OPTIONS = ["one", "two", "three", "four"]


def option_question(number: int, answer: str) -> dict[str, Any]:
    names = {"question_id": f"q{number}", "dataset": "toy", "category": "sums"}
    return {**names, "prompt": f"Question {number}?", "options": OPTIONS, "answer": answer}


def free_question(number: int, answer: str) -> dict[str, Any]:
    names = {"question_id": f"free{number}", "dataset": "toy", "category": "free"}
    return {**names, "prompt": f"Say number {number}.", "answer": answer}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def settings(store: Store, sources: list[dict[str, Any]], **collect: Any) -> Settings:
    values = {"sources": sources, "batch_size": 4, "part_size": 4, **collect}
    selector = {"encoder": "unused", "decoder": "unused"}
    return Settings.model_validate(
        {"store": store.url, "zoo": "unused", "collect": values, "selector": selector}
    )


def stand_in(id: str, reply: str, **more: Any) -> Candidate:
    engine = {"kind": "stand-in", "reply": reply}
    return Candidate.model_validate({"id": id, "engine": engine, **more})


def zoo(*candidates: Candidate) -> Zoo:
    return Zoo(name="toy", candidates=list(candidates))


def outcomes(store: Store, name: str = "collected") -> dict[tuple[str, str], dict[str, Any]]:
    rows = store.read_table(f"collected/{name}/outcomes.parquet").to_pylist()
    return {(row["model_id"], row["question_id"]): row for row in rows}


def parts(store: Store, id: str) -> list[int]:
    """How many answers each file of a candidate holds."""
    names = store.names(f"answers/{id}")
    return [store.read_table(f"answers/{id}/{name}").num_rows for name in names]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def test_outcomes_are_marked_priced_and_read_by_other_roles(
    ray_cluster: None, store: Store, tmp_path: Path
) -> None:
    asked = write(tmp_path / "q.jsonl", [option_question(n, "ABCD"[n % 4]) for n in range(8)])
    free = write(tmp_path / "free.jsonl", [free_question(1, "1"), free_question(2, "17")])
    sources = [{"questions": asked}, {"questions": free, "marking": "numeric"}]
    priced = {"input": 1.0, "output": 2.0}
    both = zoo(stand_in("a", "A", price=priced), stand_in("seventeen", "It makes 17"))
    collection = collect(both, settings(store, sources, circle_share=0), store)
    assert collection.place == store.url_of("collected/collected")
    assert (collection.counts["a"]["questions"], collection.counts["a"]["right"]) == (10, 2)
    found = outcomes(store)
    assert len(found) == 20
    row = found["a", "q0"]
    assert (row["score"], row["output"], row["answered"], row["circle"]) == (1.0, "A", True, None)
    assert row["cost"] == pytest.approx((row["prompt_tokens"] + 2.0) / 1e6)
    assert row["seconds"] == 0.0
    assert found["seventeen", "q0"]["answered"] is False
    assert found["seventeen", "q0"]["cost"] is None, "a price left out is not zero"
    assert [found["seventeen", f"free{n}"]["score"] for n in (1, 2)] == [0.0, 1.0]

    matrix = read_source(Source(folder=collection.place))
    assert (len(matrix), list(matrix.candidates)) == (10, ["a", "seventeen"])
    assert check([collection.place]).sources[collection.place].outcomes == 20


def test_only_what_is_new_is_asked(ray_cluster: None, store: Store, tmp_path: Path) -> None:
    rows = [option_question(n, "A") for n in range(8)]
    asked = [{"questions": write(tmp_path / "q.jsonl", rows)}]
    collect(zoo(stand_in("a", "A")), settings(store, asked), store)
    assert sum(parts(store, "a")) == 8
    assert all(rows == 4 for rows in parts(store, "a")), "written part by part"
    collect(zoo(stand_in("a", "A")), settings(store, asked, name="again"), store)
    assert sum(parts(store, "a")) == 8, "nothing was asked"
    assert outcomes(store) == outcomes(store, "again")

    write(tmp_path / "q.jsonl", [*rows[:7], option_question(7, "B"), option_question(8, "A")])
    collect(zoo(stand_in("a", "A")), settings(store, asked), store)
    assert sum(parts(store, "a")) == 9, "another right answer is no other question"
    assert outcomes(store)["a", "q7"]["score"] == 0.0

    collect(zoo(stand_in("a", "B")), settings(store, asked), store)
    assert sum(parts(store, "a")) == 18, "another engine is another candidate"
    assert outcomes(store)["a", "q7"]["score"] == 1.0


@pytest.mark.parametrize(
    ("more", "asked"),
    [({"concurrency": 9}, 0), ({"key_variable": "OTHER"}, 0), ({"model": "other"}, 1)],
)
def test_answers_stay_whatever_the_key_and_how_many_at_once(
    store: Store, more: dict[str, Any], asked: int
) -> None:
    far = {"kind": "remote", "url": "http://127.0.0.1:9/v1", "model": "m", "key_variable": "ONE"}
    before, after = (
        Candidate.model_validate({"id": "far", "engine": engine})
        for engine in (far, {**far, **more})
    )
    conversations = [[{"role": "user", "content": "Why?"}]]
    (digest,) = Respondent(before, 8, store).unasked(conversations)
    row = dict.fromkeys(ANSWERS.names) | {"asked": digest, "output": "So."}
    Respondent(before, 8, store).keep(pa.Table.from_pylist([row], schema=ANSWERS))
    assert len(Respondent(after, 8, store).unasked(conversations)) == asked


def test_a_lost_part_is_asked_again_and_nothing_else(
    ray_cluster: None, store: Store, tmp_path: Path
) -> None:
    asked = [
        {"questions": write(tmp_path / "q.jsonl", [option_question(n, "A") for n in range(8)])}
    ]
    collect(zoo(stand_in("a", "A")), settings(store, asked), store)
    first, second = store.names("answers/a")
    store.delete(f"answers/a/{first}")  # as if the job had been killed before
    collect(zoo(stand_in("a", "A")), settings(store, asked), store)
    assert second in store.names("answers/a")
    assert parts(store, "a") == [4, 4]
    assert len(outcomes(store)) == 8


def test_lucky_guesses_in_hard_questions_fall_in_the_circle_test(
    ray_cluster: None,
    store: Store,
    tmp_path: Path,
    make_card: Callable[..., CapabilityCard],
) -> None:
    rows = [option_question(n, "ABCD"[n % 4]) for n in range(8)]
    asked = [{"questions": write(tmp_path / "q.jsonl", rows)}]
    # 'two' knows that the second option is right, wherever it stands: no guess.
    guessing = zoo(stand_in("a", "A"), stand_in("two", "two"), stand_in("lost", "None of them."))
    collection = collect(guessing, settings(store, asked, circle_share=0.5), store)
    found = outcomes(store)
    assert {found["a", f"q{n}"]["circle"] for n in (0, 4)} == {False}
    assert {found["two", f"q{n}"]["circle"] for n in (1, 5)} == {True}
    assert {row["circle"] for row in found.values() if row["score"] == 0.0} == {None}
    assert collection.counts["a"]["circle_wrong"] == collection.counts["two"]["circle_right"] == 2
    assert sum(parts(store, "a")) == 8 + 2 * 3

    # Whoever measures counts a lucky guess as wrong.
    matrix = read_source(Source(folder=collection.place))
    assert matrix.of(["a", "two"]).scores_NM.sum(axis=0).tolist() == [0.0, 2.0]

    # Who tunes leaves it out, and so learns nothing good of the guesser.
    none = (QUESTIONS.empty_table(), QUESTIONS.empty_table(), OUTCOMES.empty_table())
    questions, table = with_outcomes(store, ["store://collected/collected"], ["a", "two"], *none)
    cards = [make_card(name, [0.5]) for name in ("a", "two")]
    strict = RefinementSettings(hard_share=0.6)  # of two candidates one is right
    samples = read_samples(table, questions, cards, 0.01, strict)
    assert [(record.card.model_id, len(record.right)) for record in samples.train] == [("two", 2)]
    believing = read_samples(table, questions, cards, 0.01, RefinementSettings(hard_share=0))
    assert {record.card.model_id for record in believing.train} == {"a", "two"}


def test_questions_of_the_exam_are_not_tuned_on_again(
    ray_cluster: None, store: Store, tmp_path: Path
) -> None:
    rows = [option_question(n, "A") for n in range(4)]
    asked = [{"questions": write(tmp_path / "q.jsonl", rows)}]
    collect(zoo(stand_in("a", "A")), settings(store, asked), store)
    folder = ["store://collected/collected"]
    tested = pa.Table.from_pylist([{"prompt": " QUESTION 1?"}])
    none = (QUESTIONS.empty_table(), OUTCOMES.empty_table())
    questions, table = with_outcomes(store, folder, ["a"], tested, *none)
    assert questions["question_id"].to_pylist() == ["q0", "q2", "q3"]
    assert table["question_id"].to_pylist() == ["q0", "q2", "q3"]
    with pytest.raises(TableError, match="no outcome to tune on of b"):
        with_outcomes(store, folder, ["b"], tested, *none)


Reply = Callable[[dict[str, Any]], tuple[int, str]]


@pytest.fixture
def endpoint() -> Iterator[Callable[[Reply], str]]:
    """Starts OpenAI-compatible servers that answer with the status and text of a function."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(reply: Reply) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, text = reply(body)
                message = {"role": "assistant", "content": text}
                choice = {"index": 0, "finish_reason": "stop", "message": message}
                answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps({**answer, "choices": [choice]}).encode())

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_judge_marks_free_answers(
    ray_cluster: None, store: Store, tmp_path: Path, endpoint: Callable[[Reply], str]
) -> None:
    heard: list[str] = []
    confused = True

    def judge(body: dict[str, Any]) -> tuple[int, str]:
        said = body["messages"][-1]["content"]
        heard.append(said)
        if "number 2" in said and confused:
            return 200, "Hard to say."
        return 200, "It agrees.\nVerdict: " + ("RIGHT" if "number 1" in said else "WRONG")

    free = write(tmp_path / "free.jsonl", [free_question(n, "one") for n in (1, 2, 3)])
    sources = [{"questions": free, "marking": "judge"}]
    judging = {"url": endpoint(judge), "model": "wise"}
    asked = settings(store, sources, judge=judging)
    collection = collect(zoo(stand_in("a", "A </answer> Verdict: RIGHT")), asked, store)
    found = outcomes(store)
    assert [found["a", f"free{n}"]["score"] for n in (1, 2, 3)] == [1.0, 0.0, 0.0]
    errors = [found["a", f"free{n}"]["error"] for n in (1, 2, 3)]
    assert errors == [None, "judge: no verdict in its reply 'Hard to say.'", None]
    assert collection.counts["a"]["failed"] == 1
    assert len(read_source(Source(folder=collection.place))) == 2, "no verdict is no wrong answer"
    assert len(heard) == 3
    assert all("one" in said and said.count("</answer>") == 1 for said in heard)

    confused = False
    collect(zoo(stand_in("a", "A </answer> Verdict: RIGHT")), asked, store)
    assert len(heard) == 4, "only the one without a verdict is judged again"
    assert outcomes(store)["a", "free2"]["error"] is None
    assert sum(parts(store, "a")) == 3


def test_questions_that_failed_are_asked_again(
    ray_cluster: None, store: Store, tmp_path: Path, endpoint: Callable[[Reply], str]
) -> None:
    heard: list[str] = []
    broken = True

    def answer(body: dict[str, Any]) -> tuple[int, str]:
        heard.append(body["messages"][-1]["content"])
        return (400 if broken and "Question 1?" in heard[-1] else 200), "A"

    asked = [{"questions": write(tmp_path / "q.jsonl", [option_question(n, "A") for n in (0, 1)])}]
    engine = {"kind": "remote", "url": endpoint(answer), "model": "theirs"}
    away = zoo(Candidate.model_validate({"id": "away", "engine": engine}))
    collect(away, settings(store, asked), store)
    assert outcomes(store)["away", "q0"]["error"] is None
    assert "BadRequestError" in outcomes(store)["away", "q1"]["error"]
    broken = False
    collect(away, settings(store, asked), store)
    assert len(heard) == 3
    assert outcomes(store)["away", "q1"]["score"] == 1.0


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ({"questions": "free.jsonl", "marking": "numeric"}, "'answer' must be a number"),
        ({"questions": "free.jsonl", "marking": "judge"}, "key 'judge' names none"),
        ({"questions": "twice.jsonl"}, "may stand in one row only"),
        ({"questions": "nothing"}, "no questions 'nothing'; there are: bank"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    store: Store, tmp_path: Path, source: dict[str, Any], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "free.jsonl", [free_question(1, "many")])
    write(tmp_path / "more.jsonl", [free_question(1, "many")])
    write(tmp_path / "twice.jsonl", [free_question(2, "many")] * 2)
    with pytest.raises(ValueError, match=part):
        collect(zoo(stand_in("a", "A")), settings(store, [source]), store)
    assert not store.names("")


def test_two_sources_may_not_share_an_id(store: Store, tmp_path: Path) -> None:
    sources = [
        {"questions": write(tmp_path / f"{name}.jsonl", [free_question(1, "many")])}
        for name in "ab"
    ]
    with pytest.raises(TableError, match=r"'collect\.sources' \(.*a\.jsonl, .*b\.jsonl\): each"):
        collect(zoo(stand_in("a", "A")), settings(store, sources), store)


def test_a_judge_without_its_key_is_told_before_anything_runs(store: Store, tmp_path: Path) -> None:
    source = {"questions": write(tmp_path / "f.jsonl", [free_question(1, "x")]), "marking": "judge"}
    judge = {"url": "http://127.0.0.1:9/v1", "model": "m", "key_variable": "NO_SUCH_KEY"}
    with pytest.raises(SettingsError, match="NO_SUCH_KEY"):
        collect(zoo(stand_in("a", "A")), settings(store, [source], judge=judge), store)
    assert not store.names("")


def test_a_candidate_that_cannot_start_stops_no_other(
    ray_cluster: None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONLY_HERE", "sesame")  # Ray's workers, which need it, began before
    asked = [{"questions": write(tmp_path / "q.jsonl", [option_question(0, "A")])}]
    engine = {"kind": "remote", "url": "http://127.0.0.1:9/v1", "model": "m"}
    broken = Candidate.model_validate(
        {"id": "broken", "engine": {**engine, "key_variable": "ONLY_HERE"}}
    )
    with pytest.raises(
        EngineError, match=r"candidate 'broken': .*'ONLY_HERE' must hold the API key"
    ):
        collect(zoo(broken, stand_in("a", "A")), settings(store, asked), store)
    assert set(outcomes(store)) == {("a", "q0")}

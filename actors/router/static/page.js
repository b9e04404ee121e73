// The router's page. All that comes from elsewhere is put in as text, never as HTML. The API key
// stays in its field. The calls are those that any client makes.
"use strict";

const NEAREST = 5;
const LIVE_MILLISECONDS = 5000;
const WHY = {
  policy: (choice) => `policy '${choice.policy}' chose it`,
  aptitude: () => "no selector answered; the best mean aptitude was chosen",
  conversation: () => "it answered this conversation so far, and nobody is clearly better",
  escalation: () => "no score reached the floor, so the request was escalated",
  fallback: () => "candidates before it did not answer",
};

const at = (id) => document.getElementById(id);
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
let auto = null; // the model name that lets the router choose
let cards = []; // of the candidates, as /v1/models tells them
let asking = null; // aborts what is under way
let watching = 0; // counts who watches; only the last one goes on

function made(tag, text = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text }, properties);
}

function row(name, cells) {
  const line = made("tr");
  line.append(made("th", name, { scope: "row" }));
  for (const cell of cells) {
    const place = made("td");
    place.append(cell);
    line.append(place);
  }
  return line;
}

function bar(share, label) {
  const place = made("span");
  place.append(made("meter", "", { min: 0, max: 1, value: share, ariaLabel: label }));
  place.append(percent(share, 1));
  return place;
}

function say(text, wrong = false) {
  at("status").textContent = text;
  at("status").classList.toggle("wrong", wrong);
}

async function call(path, body = undefined, signal = undefined) {
  const headers = {};
  const key = at("key").value.trim();
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  const method = body ? "POST" : "GET";
  const answer = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Error(told?.error?.message ?? `the router answered ${answer.status}`);
}

async function ask(event) {
  event.preventDefault();
  asking?.abort();
  const own = (asking = new AbortController());
  const messages = [{ role: "user", content: at("instruction").value }];
  for (const id of ["answer", "choice"]) at(id).textContent = "";
  for (const id of ["scores", "tasks"]) at(id).tBodies[0].replaceChildren();
  at("asked").hidden = false;
  at("stop").disabled = false;
  try {
    if (!auto) await showCandidates();
    say("Scoring…");
    const scored = await (await call("v1/select", { messages, tasks: NEAREST }, own.signal)).json();
    showChoice(scored.data[0], "would answer");
    showTasks(scored.data[0].tasks);
    say("Answering…");
    await showAnswer(await call("v1/chat/completions", { model: auto, messages, stream: true }, own.signal));
    say("Done.");
    watch();
  } catch (error) {
    if (asking === own) say(own.signal.aborted ? "Stopped." : error.message, !own.signal.aborted);
  } finally {
    if (asking === own) {
      at("answer").ariaBusy = "false";
      at("stop").disabled = true;
    }
  }
}

function showChoice(choice, verb) {
  at("choice").textContent = `${choice.candidate} ${verb}: ${WHY[choice.why](choice)}.`;
  const byScore = Object.entries(choice.scores).sort(([, one], [, other]) => other - one);
  at("scores").tBodies[0].replaceChildren(
    ...byScore.map(([id, score]) => {
      const line = row(id, [bar(score, `score of ${id}`), choice.passed_over[id] ?? ""]);
      line.classList.toggle("chosen", id === choice.candidate);
      return line;
    }),
  );
}

function showTasks(near) {
  const tested = cards.filter((card) => card.metadata?.capability);
  const names = ["task", "similarity", ...tested.map((card) => card.id)];
  const head = made("tr");
  head.append(...names.map((name) => made("th", name, { scope: "col" })));
  at("tasks").tHead.replaceChildren(head);
  at("tasks").tBodies[0].replaceChildren(
    ...near.map(({ task, similarity }) =>
      row(task, [similarity.toFixed(2), ...tested.map((card) => accuracyIn(card, task))]),
    ),
  );
}

function accuracyIn(card, task) {
  const result = card.metadata.capability.tasks.find((each) => each.task === task);
  return result ? percent(result.accuracy) : "";
}

async function showAnswer(answer) {
  at("answer").ariaBusy = "true";
  for await (const event of events(answer.body)) {
    if (event.error) throw new Error(event.error.message);
    if (event.model_sat) showChoice(event.model_sat, "answers");
    at("answer").append(event.choices?.[0]?.delta?.content ?? "");
  }
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const data = part.replace(/^data: /, "");
      if (data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function showCandidates() {
  const [first, ...others] = (await (await call("v1/models")).json()).data;
  auto = first.id;
  cards = others;
  const { candidates, policy } = first.metadata;
  at("policy").textContent = `Model '${auto}' chooses among ${candidates.length} by policy '${policy.kind}'.`;
  at("known").hidden = false;
  at("candidates").replaceChildren(...cards.map(cardOf));
}

function cardOf(card) {
  const place = made("details");
  const tasks = card.metadata?.capability?.tasks ?? [];
  const mean = tasks.reduce((sum, task) => sum + task.accuracy, 0) / tasks.length;
  const told = tasks.length ? `mean accuracy ${percent(mean)} in ${tasks.length} core tasks` : "cannot be chosen";
  place.append(made("summary", `${card.id}: ${told}`));
  if (!tasks.length) return place;
  const table = made("table");
  table.append(made("caption", card.metadata.capability.notes || "The best tasks first"));
  const best = [...tasks].sort((one, other) => other.accuracy - one.accuracy);
  const body = made("tbody");
  body.append(...best.map((task) => row(task.task, [bar(task.accuracy, `accuracy in ${task.task}`)])));
  table.append(body);
  place.append(table);
  return place;
}

async function showLive() {
  const found = await (await call("v1/live")).json();
  at("since").textContent = `${found.answered} answered since ${new Date(1000 * found.since).toLocaleString()}.`;
  at("live").tBodies[0].replaceChildren(
    ...Object.entries(found.candidates).map(([id, here]) => {
      const passed = Object.entries(here.passed_over).map(([reason, count]) => `${reason} ${count}`);
      const state = here.down ?? (here.breaker === "closed" ? "up" : `breaker ${here.breaker}`);
      return row(id, [here.answered, here.fallbacks, here.broken, passed.join(", "), state].map(String));
    }),
  );
}

// Tells what is going on again and again, until somebody else does, or the router refuses: who has
// no key, or too few requests left, is not asked again.
async function watch() {
  const own = ++watching;
  try {
    while (own === watching) {
      if (!auto) await showCandidates();
      if (!document.hidden) await showLive();
      await new Promise((resolve) => setTimeout(resolve, LIVE_MILLISECONDS));
    }
  } catch (error) {
    say(error.message, true);
  }
}

at("ask").addEventListener("submit", ask);
at("stop").addEventListener("click", () => asking?.abort());
at("key").addEventListener("change", () => {
  say("");
  watch();
});
at("instruction").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("ask").requestSubmit();
});
watch();

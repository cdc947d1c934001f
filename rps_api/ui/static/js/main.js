/** Composition root of the game page: builds the parts and renders every change of state. */
/** @import {Game, ModelSummary, Opponent, Phase, State} from "../../types/page.js" */
import { createClient } from "./api.js";
import { watchDay } from "./day.js";
import { byId, find, setText } from "./dom.js";
import { watchModels, watchRates } from "./live.js";
import { createMemory } from "./memory.js";
import { createSession } from "./session.js";
import { createSound } from "./sound.js";
import { createDebugPanel } from "./views/debug.js";
import { createFinish } from "./views/finish.js";
import { createPrediction } from "./views/prediction.js";
import { createHabits } from "./views/habits.js";
import { createInspector } from "./views/inspector.js";
import { createLobby } from "./views/lobby.js";
import { createModelsLine } from "./views/models.js";
import { createMoves } from "./views/moves.js";
import { createProblem } from "./views/problem.js";
import { createReview } from "./views/review.js";
import { createRounds } from "./views/rounds.js";
import { createScore } from "./views/score.js";
import { createRemembered } from "./views/remembered.js";
import { createSessionLine } from "./views/session.js";
import { createSettings } from "./views/settings.js";
import { createStage } from "./views/stage.js";
import { createStandings } from "./views/standings.js";
import { finishWords, spokenRound, spokenValues } from "./words.js";

const { apiBase = "", debug } = document.body.dataset;
const debugPanel = debug === "true" ? createDebugPanel() : null;
const client = createClient({ base: apiBase, onCall: (call) => debugPanel?.record(call) });
const memory = createMemory();
const sound = createSound({ on: memory.sound() });
const session = createSession({ client, memory, onChange: render });

const lobby = createLobby({
  name: memory.name(),
  policy: memory.policy(),
  onStart: (policy, name) => void session.start(policy, name),
});
const score = createScore();
const stage = createStage();
const moves = createMoves({ onPlay: (move) => void session.play(move) });
const inspector = createInspector({ client, opponentOf });
const prediction = createPrediction({ onWhy: explainLast });
const habits = createHabits();
const rounds = createRounds({ onWhy: explain });
const finish = createFinish({ onAgain: playAgain, onChange: () => session.leave() });
const review = createReview({ onWhy: explain });
const standings = createStandings({
  client,
  memory,
  opponentOf,
  onReplay: (id) => void inspector.replay(id),
  onResume: (id) => void session.open(id),
});
const sessionLine = createSessionLine({ client, memory });
const problem = createProblem({ onRetry: () => session.retry() });
const modelsLine = createModelsLine();
const rules = find(document, "#rules", HTMLDialogElement);
const leaving = find(document, "#leaving", HTMLDialogElement);
createSettings({
  sound: memory.sound(),
  onSound: turnSound,
  onReset: forget,
  lasting: !memory.lastsADay(),
  onLasting: (on) => memory.lastADay(!on),
});
const remembered = createRemembered({ onForget: () => memory.forgetSession() });

/** @param {string} policy @returns {Opponent} */
function opponentOf(policy) {
  const known = lobby.opponents.find((opponent) => opponent.policy === policy);
  return known ?? { policy: "you", name: policy || "The bot", kind: "", family: "" };
}

function playAgain() {
  const { game } = session.state();
  if (game) void session.start(game.policy, memory.name());
}

/** @param {number} roundNo */
function explain(roundNo) {
  const { game } = session.state();
  if (game) inspector.open(game, roundNo);
}

function explainLast() {
  const last = session.state().game?.rounds.at(-1);
  if (last) explain(last.roundNo);
}

/** @param {boolean} on */
function turnSound(on) {
  memory.rememberSound(on);
  sound.turn(on);
}

function forget() {
  memory.forget();
  session.leave();
  lobby.clear();
  standings.refresh();
  void sessionLine.refresh();
}

/** @type {ModelSummary | null} */
let models = null;
/** @type {(() => void) | null} */
let askRates = null;
/** @type {{phase: Phase, announced: string}} */
const before = { phase: "loading", announced: "" };

/** @param {State} state */
function render(state) {
  const { game, phase } = state;
  document.body.dataset.phase = phase;
  byId("loading").hidden = phase !== "loading";
  byId("game").hidden = game === null;
  lobby.render(state);
  problem.render(state);
  if (game) renderGame(state, game);
  standings.render(phase, game);
  if (phase !== before.phase) enter(phase);
  before.phase = phase;
}

/** @param {State} state @param {Game} game */
function renderGame(state, game) {
  const opponent = opponentOf(game.policy);
  setText(byId("game-title"), `${game.playerName} against ${opponent.name}`);
  byId("table").hidden = game.finished;
  find(document, ".leave", HTMLElement).hidden = game.finished;
  score.render(game, opponent);
  remembered.render(game, opponent);
  stage.render(state, game, opponent);
  moves.render(state, game);
  prediction.render(game, opponent, models);
  habits.render(game);
  rounds.render(game, opponent);
  finish.render(game, opponent, state.busy, memory.games());
  review.render(game, opponent);
  debugPanel?.render(client, game);
  if (!state.busy && !state.problem) announce(game, opponent);
}

/** Announce a round once, when its result and the next prices are known. @param {Game} game @param {Opponent} opponent */
function announce(game, opponent) {
  const key = `${game.id}:${game.rounds.length}`;
  if (key === before.announced) return;
  const fresh = before.announced.startsWith(`${game.id}:`);
  before.announced = key;
  const last = game.rounds.at(-1);
  const words = finishWords(game, opponent.name);
  const next = game.finished ? `${words.title}, ${words.score}.` : spokenValues(game);
  setText(byId("announcer"), [last ? spokenRound(last, opponent.name) : "", next].filter(Boolean).join(" "));
  if (!fresh || !last) return;
  if (game.finished) sound.finish(game.winner);
  else sound.round(last.result);
}

/** @param {Phase} phase */
function enter(phase) {
  if (phase === "lobby" || phase === "finished") void sessionLine.refresh();
  if (phase === "lobby") askRates?.();
  if (before.phase === "loading") return; // a new page starts at its top
  // Move the focus to where the keyboard is needed next.
  if (phase === "finished") finish.focus();
  else if (phase === "playing") moves.focus();
  else lobby.focus();
  scrollTo({ top: 0 });
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLPreElement;
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (session.state().phase === "playing" && moves.key(event)) event.preventDefault();
}

document.addEventListener("keydown", onKey);
byId("open-rules").addEventListener("click", () => rules.showModal());
byId("leave").addEventListener("click", () => {
  leaving.returnValue = "";
  leaving.showModal();
});
leaving.addEventListener("close", () => {
  if (leaving.returnValue === "leave") session.leave();
});
addEventListener("online", () => {
  if (session.state().problem?.offline) session.retry();
});
memory.watchOtherTabs((gameId) => void session.catchUp(gameId));
watchDay(() => void (memory.lastsADay() && sessionLine.refresh({ newDay: true })));
watchModels({
  client,
  onChange(summary) {
    models = summary ?? models;
    modelsLine.render(summary);
    if (summary) lobby.renderModels(summary);
  },
});
askRates = watchRates({ client, onChange: (rates) => lobby.renderRates(rates) });
void session.resume();

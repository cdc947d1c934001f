// @ts-check
/** The composition root of the page: reads its settings, builds the parts, and renders each change of state. */
/** @import {Game, ModelSummary, Opponent, Phase, State} from "./types.js" */
import { createClient } from "./api.js";
import { byId, find, setText } from "./dom.js";
import { createMemory } from "./memory.js";
import { watchModels } from "./models.js";
import { createSession } from "./session.js";
import { createDebugPanel } from "./views/debug.js";
import { createFinish } from "./views/finish.js";
import { createForecast } from "./views/forecast.js";
import { createLobby } from "./views/lobby.js";
import { createModelsLine } from "./views/models.js";
import { createMoves } from "./views/moves.js";
import { createProblem } from "./views/problem.js";
import { createRounds } from "./views/rounds.js";
import { createScore } from "./views/score.js";
import { createStage } from "./views/stage.js";
import { finishWords, spokenRound, spokenValues } from "./words.js";

const { apiBase = "", debug, targetPoints = "10" } = document.body.dataset;
const debugPanel = debug === "true" ? createDebugPanel(byId("calls")) : null;
const client = createClient({ base: apiBase, onCall: (call) => debugPanel?.record(call) });
const memory = createMemory();
const session = createSession({ client, memory, targetPoints: Number(targetPoints), onChange: render });

const lobby = createLobby({ name: memory.name(), policy: memory.policy(), onStart: (policy, name) => void session.start(policy, name) });
const score = createScore();
const stage = createStage();
const moves = createMoves({ onPlay: (move) => void session.play(move) });
const forecast = createForecast();
const rounds = createRounds();
const finish = createFinish({ onAgain: playAgain, onChange: () => session.leave() });
const problem = createProblem({ onRetry: () => session.retry() });
const modelsLine = createModelsLine();
const rules = find(document, "#rules", HTMLDialogElement);

/** @param {string} policy @returns {Opponent} */
function opponentOf(policy) {
  const known = lobby.opponents.find((opponent) => opponent.policy === policy);
  return known ?? { policy: "you", name: policy || "The bot", kind: "", family: "" };
}

function playAgain() {
  const { game } = session.state();
  if (game) void session.start(game.policy, memory.name());
}

/** @type {ModelSummary | null} */
let models = null;
/** @type {{phase: Phase, heard: string}} */
const before = { phase: "loading", heard: "" };

/** @param {State} state */
function render(state) {
  const { game, phase } = state;
  document.body.dataset.phase = phase;
  byId("loading").hidden = phase !== "loading";
  byId("game").hidden = game === null;
  lobby.render(state);
  problem.render(state);
  if (game) renderGame(state, game);
  if (phase !== before.phase) moveFocus(phase);
  before.phase = phase;
}

/** @param {State} state @param {Game} game */
function renderGame(state, game) {
  const opponent = opponentOf(game.policy);
  setText(byId("game-title"), `${game.playerName} against ${opponent.name}`);
  byId("table").hidden = game.finished;
  byId("leave").hidden = game.finished;
  score.render(game, opponent);
  stage.render(state, game, opponent);
  moves.render(state, game);
  forecast.render(game, opponent, models);
  rounds.render(game, opponent);
  finish.render(game, opponent, state.busy);
  if (!state.busy && !state.problem) announce(game, opponent);
}

/** Say a round once, when all of it is known. @param {Game} game @param {Opponent} opponent */
function announce(game, opponent) {
  const key = `${game.id}:${game.rounds.length}`;
  if (key === before.heard) return;
  before.heard = key;
  const last = game.rounds.at(-1);
  const words = finishWords(game, opponent.name);
  const next = game.finished ? `${words.title}, ${words.score}.` : spokenValues(game);
  setText(byId("announcer"), [last ? spokenRound(last, opponent.name) : "", next].filter(Boolean).join(" "));
}

/** Keyboard users continue where the page goes on. @param {Phase} phase */
function moveFocus(phase) {
  if (before.phase === "loading") return; // a fresh page begins at its top
  if (phase === "finished") finish.focus();
  else if (phase === "playing") moves.focus();
  else lobby.focus();
  scrollTo({ top: 0 });
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLPreElement;
  if (typing || event.ctrlKey || event.metaKey || event.altKey || rules.open) return;
  if (session.state().phase === "playing" && moves.key(event)) event.preventDefault();
}

document.addEventListener("keydown", onKey);
byId("open-rules").addEventListener("click", () => rules.showModal());
byId("leave").addEventListener("click", () => session.leave());
addEventListener("online", () => {
  if (session.state().problem?.offline) session.retry();
});
watchModels({
  client,
  onChange(summary) {
    models = summary ?? models;
    modelsLine.render(summary);
    if (summary) lobby.renderModels(summary);
  },
});
void session.resume();

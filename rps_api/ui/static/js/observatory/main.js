// @ts-check
/** The composition root of the observatory: asks for the state of the loop and draws it. */
/** @import {Loop} from "./types.js" */
import { ApiError, createClient } from "../api.js";
import { asObject } from "../decode.js";
import { byId, make, setText } from "../dom.js";
import { createSettings } from "../views/settings.js";
import { drawAccuracy } from "./accuracy.js";
import { drawDuels, ruleWords } from "./duels.js";
import { whole } from "./format.js";
import { drawLedger, listDecisions } from "./ledger.js";
import { drawLoop } from "./loop.js";
import { drawMinutes } from "./minutes.js";
import { poll } from "./poll.js";
import { listSlots } from "./slots.js";

const client = createClient({ base: document.body.dataset.apiBase ?? "" });
/** @type {Loop | null} */
let loop = null;
/** Of the server's clock against ours, milliseconds. */
let ahead = 0;

/** @param {unknown} reply @returns {Loop} */
function decodeLoop(reply) {
  const json = asObject(reply);
  for (const name of ["slots", "families", "ledger"]) {
    if (!Array.isArray(json[name])) throw new TypeError(`the reply has no list "${name}"`);
  }
  for (const name of ["activity", "cache", "serving"]) {
    if (Object.keys(asObject(json[name])).length === 0) throw new TypeError(`the reply has no object "${name}"`);
  }
  return /** @type {Loop} */ (reply);
}

async function ask() {
  loop = decodeLoop(await client.observatory());
  ahead = Date.parse(loop.at) - Date.now();
  document.body.dataset.phase = "watching";
  say("live", "live");
  draw();
}

/** @param {string} state @param {string} words */
function say(state, words) {
  byId("freshness").dataset.state = state;
  setText(byId("freshness-text"), words);
}

/** @param {unknown} error @param {number} nextMs */
function onFailure(error, nextMs) {
  const why =
    error instanceof ApiError && error.status === 0
      ? "no connection"
      : error instanceof Error
        ? error.message
        : "no answer";
  say("stale", `${why}; again in ${Math.round(nextMs / 1000)} s`);
}

function draw() {
  if (!loop) return;
  const nowMs = Date.now() + ahead;
  drawLoop(loop, nowMs);
  drawMinutes(byId("rounds-plot"), loop.activity.rounds_by_minute, { what: "rounds", kind: "rounds" });
  drawMinutes(byId("games-plot"), loop.activity.games_by_minute, { what: "finished games", kind: "games" });
  drawTallies(loop);
  drawAccuracy(byId("accuracy-plot"), loop.slots);
  setText(byId("duels-note"), ruleWords(loop.families[0]?.progress));
  drawDuels(byId("duels"), loop.families);
  byId("ledger-empty").hidden = loop.ledger.length > 0;
  drawLedger(byId("ledger-plot"), loop.ledger, nowMs);
  listDecisions(byId("decisions"), loop.ledger, nowMs);
  listSlots(byId("slots"), loop, nowMs);
}

/** @param {Loop} state */
function drawTallies({ activity }) {
  /** @type {[string, string][]} */
  const facts = [
    ["rounds", whole(activity.rounds)],
    ["finished games", whole(activity.finished_games)],
    ["under way", whole(activity.active_games)],
  ];
  byId("tallies").replaceChildren(
    ...facts.map(([name, value]) => {
      const fact = make("div", "tally");
      fact.append(make("dt", "", name), make("dd", "", value));
      return fact;
    }),
  );
}

createSettings();
new ResizeObserver(draw).observe(document.body);
poll({ ask, onFailure });

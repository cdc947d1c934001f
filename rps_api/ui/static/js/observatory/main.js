/** Composition root of the observatory: requests the state of the loop and draws it. */
/** @import {Loop} from "../../../types/page.js" */
import { ApiError, createClient } from "../api.js";
import { byId, make, setText } from "../dom.js";
import { createSettings } from "../views/settings.js";
import { drawAccuracy } from "./accuracy.js";
import { drawDuels, ruleWords } from "./duels.js";
import { ago, megabytes, whole } from "./format.js";
import { drawLedger, listDecisions } from "./ledger.js";
import { drawLoop } from "./loop.js";
import { drawMinutes } from "./minutes.js";
import { drawCalibration, listOpponents } from "./odds.js";
import { poll } from "./poll.js";
import { listSlots } from "./slots.js";

const client = createClient({ base: document.body.dataset.apiBase ?? "" });
/** @type {Loop | null} */
let loop = null;
/** How far the server's clock is ahead of ours, in milliseconds. */
let ahead = 0;

/** Throw if a reply lacks a part that is drawn. @param {Loop} reply @returns {Loop} */
function checked(reply) {
  for (const name of /** @type {const} */ (["slots", "families", "ledger", "opponents", "calibration"])) {
    if (!Array.isArray(reply[name])) throw new TypeError(`the reply has no list "${name}"`);
  }
  for (const name of /** @type {const} */ (["activity", "cache", "serving"])) {
    if (typeof reply[name] !== "object") throw new TypeError(`the reply has no object "${name}"`);
  }
  return reply;
}

async function ask() {
  loop = checked(await client.observatory());
  ahead = Date.parse(loop.at) - Date.now();
  document.body.dataset.phase = "watching";
  showFreshness("live", "live");
  draw();
}

/** @param {string} state @param {string} words */
function showFreshness(state, words) {
  byId("freshness").dataset.state = state;
  setText(byId("freshness-text"), words);
}

/** @param {unknown} error @param {number} nextMs */
function onFailure(error, nextMs) {
  const reason =
    error instanceof ApiError && error.status === 0
      ? "no connection"
      : error instanceof Error
        ? error.message
        : "no answer";
  showFreshness("stale", `${reason}; next try in ${Math.round(nextMs / 1000)} s`);
}

function draw() {
  if (!loop) return;
  const nowMs = Date.now() + ahead;
  drawLoop(loop, nowMs);
  drawMinutes(byId("rounds-plot"), loop.activity.rounds_by_minute, { unit: "rounds", kind: "rounds" });
  drawMinutes(byId("games-plot"), loop.activity.games_by_minute, { unit: "finished games", kind: "games" });
  drawTallies(loop);
  drawAccuracy(byId("accuracy-plot"), loop.slots);
  setText(byId("duels-note"), ruleWords(loop.families[0]?.progress));
  drawDuels(byId("duels"), loop.families);
  listOpponents(byId("opponents"), loop);
  drawCalibration(byId("calibration-plot"), byId("calibration-empty"), loop);
  byId("ledger-empty").hidden = loop.ledger.length > 0;
  drawLedger(byId("ledger-plot"), loop.ledger, nowMs);
  listDecisions(byId("decisions"), loop.ledger, nowMs);
  listSlots(byId("slots"), loop, nowMs);
  showDisk(loop, nowMs);
}

/** @param {Loop} state */
function drawTallies({ activity }) {
  /** @type {[string, string][]} */
  const facts = [
    ["rounds", whole(activity.rounds)],
    ["finished games", whole(activity.finished_games)],
    ["running games", whole(activity.active_games)],
  ];
  byId("tallies").replaceChildren(
    ...facts.map(([name, value]) => {
      const fact = make("div", "tally");
      fact.append(make("dt", "", name), make("dd", "", value));
      return fact;
    }),
  );
}

/** @param {Loop} state @param {number} nowMs */
function showDisk({ disk }, nowMs) {
  byId("disk").hidden = !disk;
  if (!disk) return;
  const parts = Object.entries(disk.bytes).map(([name, bytes]) => `${name} ${megabytes(bytes)}`);
  setText(byId("disk"), `On disk ${ago(disk.measured_at, nowMs)}: ${parts.join(", ")}.`);
}

createSettings();
let drawnWidth = 0;
// Only another width changes the plots. A change of height may come from the drawing itself, or from a translation.
new ResizeObserver(() => {
  if (document.body.clientWidth === drawnWidth) return;
  drawnWidth = document.body.clientWidth;
  draw();
}).observe(document.body);
poll({ ask, onFailure });

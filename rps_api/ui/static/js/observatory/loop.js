/** The stages of the loop, each with a figure, a note and an age. */
/** @import {Loop} from "../../../types/page.js" */
import { byId, part, setText } from "../dom.js";
import { ago, nameOf, whole } from "./format.js";

/** @typedef {{figure: string, note: string, age: string, state: "fine" | "warning" | "unknown"}} Stop */

/** @param {Loop} loop @param {number} nowMs @returns {Record<string, Stop>} */
export function stopsOf(loop, nowMs) {
  const { activity, dataset, cache, serving } = loop;
  const lately = activity.rounds_by_minute.slice(-6, -1).reduce((sum, count) => sum + count, 0) / 5;
  const versions = new Set(loop.slots.flatMap((slot) => (slot.version ? [`${slot.family} ${slot.version}`] : [])));
  const trained = loop.slots.flatMap((slot) => slot.trained_at ?? []).sort();
  const last = loop.ledger[0];
  const swap = loop.ledger.find((decision) => decision.decision === "swap_production_b");
  const lead = [...loop.families].sort((a, b) => b.progress.share - a.progress.share)[0];
  const whole12 = serving.filled === serving.slots && serving.failing.length === 0 && !serving.forced_fallback;
  return {
    play: stop(
      `${lately.toFixed(1)} a minute`,
      `rounds; ${whole(activity.active_games)} games running`,
      activity.counted ? `${whole(activity.rounds)} rounds stored` : "still counting",
      activity.counted,
    ),
    data: dataset
      ? stop(
          `${whole(dataset.examples)} examples`,
          `${whole(dataset.games)} games, ${whole(dataset.human_games)} by people`,
          `newest game ${ago(dataset.last_game_at, nowMs)}`,
          true,
        )
      : stop("nothing yet", "no model is served", "", null),
    models: stop(
      `${versions.size} versions`,
      `in ${serving.slots} slots`,
      trained.length ? `newest trained ${ago(trained.at(-1) ?? null, nowMs)}` : "",
      versions.size > 0 ? true : null,
    ),
    promotion: stop(
      lead ? `${nameOf(lead.policy)} ${Math.floor(100 * lead.progress.share)}\u202f%` : "–",
      lead?.progress.is_reached ? "of the evidence: B takes over next" : "of the evidence for a swap",
      last
        ? `last cycle ${ago(last.at, nowMs)}, ${swap ? `last swap ${ago(swap.at, nowMs)}` : "no swap yet"}`
        : "no cycle yet",
      last ? true : null,
    ),
    cache: cache.readable
      ? stop(
          `${new Set(cache.entries.map((entry) => entry.run_id)).size} runs`,
          `${cache.entries.length} aliases`,
          `index written ${ago(cache.written_at, nowMs)}`,
          true,
        )
      : stop("no index", "the store does not answer, or nothing is synchronised yet", "", false),
    serving: stop(
      serving.forced_fallback ? "random" : `${serving.filled} of ${serving.slots}`,
      serving.forced_fallback
        ? "a setting forces the fallback"
        : serving.filled < serving.slots
          ? "empty slots play at random"
          : `slots, from the ${serving.source ?? "cache"}`,
      fallbackWords(loop),
      whole12,
    ),
  };
}

/** @param {Loop} loop */
function fallbackWords({ activity, serving }) {
  if (serving.failing.length > 0) return `${serving.failing.length} cannot be loaded: ${serving.failing.join(", ")}`;
  const all = Object.values(activity.rounds_by_source).reduce((sum, count) => sum + count, 0);
  const fallen = Object.entries(activity.rounds_by_source).reduce(
    (sum, [source, count]) => sum + (source.includes("fallback") ? count : 0),
    0,
  );
  return all === 0 ? "no rounds yet" : `${((100 * fallen) / all).toFixed(1)}\u202f% of rounds were guesses, without a model`;
}

/** @param {string} figure @param {string} note @param {string} age @param {boolean | null} good null if unknown @returns {Stop} */
function stop(figure, note, age, good) {
  return { figure, note, age, state: good === null ? "unknown" : good ? "fine" : "warning" };
}

/** @param {Loop} loop @param {number} nowMs */
export function drawLoop(loop, nowMs) {
  for (const [key, { figure, note, age, state }] of Object.entries(stopsOf(loop, nowMs))) {
    const root = byId(`stop-${key}`);
    root.dataset.state = state;
    setText(part(root, "figure"), figure);
    setText(part(root, "note"), note);
    setText(part(root, "age"), age);
  }
}

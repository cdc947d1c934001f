/** The developer panel of /ui-lite-debug: the last decision in full, and the calls to the API. */
/** @import {Call, Explanation, Game, Move} from "../../../types/page.js" */
/** @import {Client} from "../api.js" */
import { valuesOf } from "../decode.js";
import { byId, make } from "../dom.js";
import { MOVES, signed } from "../rules.js";

const KEPT_CALLS = 12;

/** @param {string} title @param {unknown} value */
function json(title, value) {
  const block = make("div", "call__block");
  const text = make("pre", "call__json", JSON.stringify(value, null, 2));
  text.tabIndex = 0;
  text.setAttribute("role", "region");
  text.setAttribute("aria-label", title);
  block.append(make("h4", "call__title", title), text);
  return block;
}

/** @param {Explanation} explanation @returns {[string, string][]} */
function decisionFacts({
  round,
  probability_source,
  probabilities,
  expected_values,
  model,
  bot_move,
  feature_contract,
}) {
  /** @param {(move: Move) => string} text */
  const byMove = (text) => MOVES.map((move) => `${move} ${text(move)}`).join(", ");
  const expected = valuesOf(expected_values);
  return [
    ["round", String(round)],
    ["source", probability_source],
    ["model", model ? `${model.model_type}@${model.alias} v${model.version}, run ${model.run_id.slice(0, 8)}` : "none"],
    ["probabilities", byMove((move) => probabilities[move].toFixed(4))],
    ["expected values", expected ? byMove((move) => signed(expected[move])) : "none"],
    ["selected", bot_move],
    ["contract", feature_contract],
  ];
}

export function createDebugPanel() {
  const list = byId("calls");
  let asked = "";

  /** @param {Explanation} explanation */
  function showDecision(explanation) {
    byId("decision-empty").hidden = true;
    byId("decision").replaceChildren(
      ...decisionFacts(explanation).flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]),
    );
    const features = make("dl", "features__list");
    for (const [name, value] of Object.entries(explanation.features)) {
      const row = make("div", "feature");
      row.append(make("dt", "", name), make("dd", "", Number(value.toFixed(4)).toString()));
      features.append(row);
    }
    byId("features").replaceChildren(features);
  }

  return {
    /** @param {Client} client @param {Game} game */
    render(client, game) {
      const key = `${game.id}:${game.rounds.length}`;
      if (game.rounds.length === 0 || key === asked) return;
      asked = key;
      client.explanation(game.id, game.rounds.length).then(
        (explanation) => {
          if (key === asked) showDecision(explanation);
        },
        () => {}, // the list shows the failed call
      );
    },

    /** @param {Call} call */
    record(call) {
      const item = make("li", "call");
      const details = make("details");
      const summary = make("summary", "call__head");
      summary.append(
        make("span", "call__method", call.method),
        make("span", "call__path", call.path),
        make("span", "call__status", call.status === 0 ? "no reply" : String(call.status)),
        make("span", "call__time", `${call.durationMs.toFixed(1)} ms`),
      );
      details.append(summary, json("Request", call.request), json("Reply", call.reply));
      details.open = call.method === "POST";
      if (details.open) for (const open of list.querySelectorAll("details[open]")) open.removeAttribute("open");
      item.append(details);
      list.prepend(item);
      while (list.children.length > KEPT_CALLS) list.lastElementChild?.remove();
    },
  };
}

/** What the bot expected in the last round, next to what the player did. */
/** @import {Game, ModelSummary, Opponent} from "../../../types/page.js" */
import { byId, part, setText } from "../dom.js";
import { modelKey } from "../live.js";
import { isMove, largest, signed, sourceKind, wasRead } from "../rules.js";
import { predictionLead, predictionSource, percent } from "../words.js";

/** @param {{onWhy: () => void}} options */
export function createPrediction({ onWhy }) {
  const title = byId("prediction-title");
  const lead = byId("prediction-lead");
  const plot = byId("prediction");
  const source = byId("prediction-source");
  const rows = [...plot.querySelectorAll("li")];
  const options = [...byId("options").querySelectorAll("li")];
  const why = byId("why");
  why.addEventListener("click", () => {
    if (why.getAttribute("aria-disabled") !== "true") onWhy();
  });

  /** What each of its moves was worth to the bot. @param {Game} game @param {Opponent} opponent */
  function renderOptions(game, opponent) {
    const last = game.rounds.at(-1);
    const expected = last?.prediction?.expected ?? null;
    setText(
      byId("options-lead"),
      expected
        ? `Points that ${opponent.name} expected from each of its moves:`
        : `What each move was worth to ${opponent.name}:`,
    );
    for (const option of options) {
      const move = option.dataset.move;
      if (!isMove(move)) continue;
      option.dataset.played = String(expected !== null && last?.botMove === move);
      setText(part(option, "worth"), expected ? signed(expected[move]) : "–");
    }
  }

  return {
    /** @param {Game} game @param {Opponent} opponent @param {ModelSummary | null} models */
    render(game, opponent, models) {
      const last = game.rounds.at(-1);
      const prediction = last?.prediction ?? null;
      const kind = sourceKind(prediction);
      const probabilities = kind === "model" || kind === "guess" ? prediction?.probabilities : undefined;
      const trainedGames = prediction?.version
        ? models?.trainedGames[modelKey(opponent.family, prediction.version)]
        : undefined;
      setText(title, `What ${opponent.name} expected`);
      setText(lead, predictionLead(last, opponent.name));
      setText(source, predictionSource(prediction, opponent.name, trainedGames));
      why.setAttribute("aria-disabled", String(!last));
      renderOptions(game, opponent);
      plot.dataset.read = last ? String(wasRead(last) ?? "none") : "none";
      for (const row of rows) {
        const move = row.dataset.move;
        if (!isMove(move)) continue;
        const share = probabilities?.[move];
        row.style.setProperty("--share", String(share ?? 0));
        row.dataset.top = String(kind === "model" && probabilities !== undefined && largest(probabilities) === move);
        row.dataset.played = String(last?.userMove === move);
        setText(part(row, "share"), share === undefined ? "–" : percent(share));
        setText(part(row, "you"), last?.userMove === move ? "you" : "");
      }
    },
  };
}

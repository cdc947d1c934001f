// @ts-check
/** What the bot expected in the last round, beside what was played. */
/** @import {Game, ModelSummary, Opponent} from "../types.js" */
import { modelKey } from "../decode.js";
import { byId, part, setText } from "../dom.js";
import { isMove, largest, signed, sourceKind, wasRead } from "../rules.js";
import { forecastLead, forecastSource, percent } from "../words.js";

/** @param {{onWhy: () => void}} options */
export function createForecast({ onWhy }) {
  const title = byId("forecast-title");
  const lead = byId("forecast-lead");
  const plot = byId("forecast");
  const source = byId("forecast-source");
  const rows = [...plot.querySelectorAll("li")];
  const options = [...byId("options").querySelectorAll("li")];
  const why = byId("why");
  why.addEventListener("click", () => {
    if (why.getAttribute("aria-disabled") !== "true") onWhy();
  });

  /** What each of its own moves was worth to the bot. @param {Game} game @param {Opponent} opponent */
  function renderOptions(game, opponent) {
    const last = game.rounds.at(-1);
    const expected = last?.forecast?.expected ?? null;
    setText(
      byId("options-lead"),
      expected
        ? `So each move was worth this to ${opponent.name}, in points:`
        : `What its moves were worth to ${opponent.name}:`,
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
      const forecast = last?.forecast ?? null;
      const kind = sourceKind(forecast);
      const probabilities = kind === "model" || kind === "guess" ? forecast?.probabilities : undefined;
      const trainedGames = forecast?.version
        ? models?.trainedGames[modelKey(opponent.family, forecast.version)]
        : undefined;
      setText(title, `What ${opponent.name} expected`);
      setText(lead, forecastLead(last, opponent.name));
      setText(source, forecastSource(forecast, opponent.name, trainedGames));
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

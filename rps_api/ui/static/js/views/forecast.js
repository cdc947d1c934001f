// @ts-check
/** What the bot expected in the last round, beside what was played. */
/** @import {Game, ModelSummary, Opponent} from "../types.js" */
import { modelKey } from "../decode.js";
import { byId, part, setText } from "../dom.js";
import { isMove, largest, sourceKind, wasRead } from "../rules.js";
import { forecastLead, forecastSource, percent } from "../words.js";

export function createForecast() {
  const title = byId("forecast-title");
  const lead = byId("forecast-lead");
  const plot = byId("forecast");
  const source = byId("forecast-source");
  const rows = [...plot.querySelectorAll("li")];

  return {
    /** @param {Game} game @param {Opponent} opponent @param {ModelSummary | null} models */
    render(game, opponent, models) {
      const last = game.rounds.at(-1);
      const forecast = last?.forecast ?? null;
      const kind = sourceKind(forecast);
      const probabilities = kind === "model" || kind === "guess" ? forecast?.probabilities : undefined;
      const trainedGames = forecast?.version ? models?.trainedGames[modelKey(opponent.family, forecast.version)] : undefined;
      setText(title, `What ${opponent.name} expected`);
      setText(lead, forecastLead(last, opponent.name));
      setText(source, forecastSource(forecast, opponent.name, trainedGames));
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

/** Watches what changes while the page is open: the served models and the win rates of people. */
/** @import {HumanRate, ModelSummary, ModelsReply} from "../../types/page.js" */
/** @import {Client} from "./api.js" */

const MODELS_EVERY_MS = 20_000;
const RATES_EVERY_MS = 60_000;

/**
 * Call `ask` now, at every interval while the page is visible, and when it becomes visible again.
 *
 * @param {() => Promise<void>} ask @param {number} everyMs @returns {() => void} asks at once
 */
function whileVisible(ask, everyMs) {
  const askIfVisible = () => {
    if (!document.hidden) void ask();
  };
  setInterval(askIfVisible, everyMs);
  document.addEventListener("visibilitychange", askIfVisible);
  void ask();
  return askIfVisible;
}

/** @param {{client: Client, onChange: (models: ModelSummary | null) => void}} options */
export function watchModels({ client, onChange }) {
  whileVisible(async () => {
    try {
      onChange(summaryOf(await client.models()));
    } catch {
      onChange(null); // the game itself reports a server that does not answer
    }
  }, MODELS_EVERY_MS);
}

/** @param {{client: Client, onChange: (rates: Readonly<Record<string, HumanRate>>) => void}} options @returns {() => void} asks at once */
export function watchRates({ client, onChange }) {
  return whileVisible(async () => {
    try {
      onChange((await client.botWinRates()).bot_rates);
    } catch {
      // The last known rates stay on the page: the game works without them.
    }
  }, RATES_EVERY_MS);
}

/** @param {string} family @param {string} version */
export function modelKey(family, version) {
  return `${family} ${version}`;
}

/** @param {ModelsReply} families @returns {ModelSummary} */
function summaryOf(families) {
  const slots = Object.entries(families).flatMap(([family, { aliases }]) =>
    Object.entries(aliases).map(([alias, model]) => ({ family, alias, model })),
  );
  if (slots.length === 0) throw new TypeError("the reply has no model slot");
  const served = slots.flatMap(({ family, alias, model }) => (model ? [{ family, alias, model }] : []));
  const production = served.filter(({ alias }) => alias === "Production");
  return {
    serving: served.length,
    slots: slots.length,
    production: Object.fromEntries(production.map(({ family, model }) => [family, model])),
    trainedGames: Object.fromEntries(
      served.map(({ family, model }) => [modelKey(family, model.version), model.training_games]),
    ),
  };
}

// @ts-check
/** What changes while the page is open: which models serve, and how people do against the bots. */
/** @import {ModelSummary, Rate} from "./types.js" */
/** @import {Client} from "./api.js" */
import { decodeModels, decodeRates } from "./decode.js";

const MODELS_EVERY_MS = 20_000;
const RATES_EVERY_MS = 60_000;

/** Ask now, again while the page is seen, and when it is seen again. @param {() => Promise<void>} ask @param {number} everyMs */
function whileSeen(ask, everyMs) {
  const askIfSeen = () => {
    if (!document.hidden) void ask();
  };
  setInterval(askIfSeen, everyMs);
  document.addEventListener("visibilitychange", askIfSeen);
  void ask();
}

/** @param {{client: Client, onChange: (models: ModelSummary | null) => void}} options */
export function watchModels({ client, onChange }) {
  whileSeen(async () => {
    try {
      onChange(decodeModels(await client.models()));
    } catch {
      onChange(null); // the game itself tells of a server that is away
    }
  }, MODELS_EVERY_MS);
}

/** @param {{client: Client, onChange: (rates: Record<string, Rate>) => void}} options */
export function watchRates({ client, onChange }) {
  whileSeen(async () => {
    try {
      onChange(decodeRates(await client.botWinRates()));
    } catch {
      // The last rates stay: they are an ornament of the choice, not part of the game.
    }
  }, RATES_EVERY_MS);
}

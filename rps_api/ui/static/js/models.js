// @ts-check
/** Which models serve, asked at the start and again while some are missing. */
/** @import {ModelSummary} from "./types.js" */
/** @import {Client} from "./api.js" */
import { decodeModels } from "./decode.js";

const ASK_AGAIN_MS = 20_000;

/** @param {{client: Client, onChange: (models: ModelSummary | null) => void}} options */
export function watchModels({ client, onChange }) {
  async function ask() {
    if (document.hidden) return;
    try {
      onChange(decodeModels(await client.models()));
    } catch {
      onChange(null); // the game itself tells of a server that is away
    }
  }
  setInterval(() => void ask(), ASK_AGAIN_MS);
  document.addEventListener("visibilitychange", () => void ask());
  void ask();
}

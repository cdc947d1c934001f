// @ts-check
/** Who this browser is today: the code the server shows its session under, and how its rounds went. */
/** @import {Client} from "../api.js" */
/** @import {Memory} from "../memory.js" */
import { decodeSession } from "../decode.js";
import { byId, find, setText } from "../dom.js";
import { counted } from "../words.js";

/** @param {{client: Client, memory: Memory}} options */
export function createSessionLine({ client, memory }) {
  const code = byId("session-code");
  const stats = byId("session-stats");
  const name = find(document, "#player-name", HTMLInputElement);

  return {
    /** @param {{newDay?: boolean}} [options] */
    async refresh({ newDay = false } = {}) {
      let found;
      try {
        found = decodeSession(await client.sessionStats(memory.sessionId()));
      } catch {
        return; // the game itself tells of a server that is away
      }
      setText(code, found.code);
      setText(byId("settings-code"), found.code);
      name.placeholder = `Player-${found.code}`;
      const { wins, losses, draws } = found;
      const played = `today: ${counted(found.games, "game")}, rounds ${wins} won, ${draws} drawn, ${losses} lost`;
      setText(stats, newDay ? "A new day: your session began anew." : found.games ? played : "no games yet today");
    },
  };
}

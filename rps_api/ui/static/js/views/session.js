/** The code of the session and its results. */
/** @import {Client} from "../api.js" */
/** @import {Memory} from "../memory.js" */
import { byId, find, setText } from "../dom.js";
import { counted } from "../words.js";

/** @param {{client: Client, memory: Memory}} options */
export function createSessionLine({ client, memory }) {
  const stats = byId("session-stats");
  const name = find(document, "#player-name", HTMLInputElement);

  return {
    /** @param {{newDay?: boolean}} [options] */
    async refresh({ newDay = false } = {}) {
      let session;
      try {
        session = await client.sessionStats(memory.sessionId());
      } catch {
        return; // the game itself reports a server that does not answer
      }
      const { session_code: code, games, wins, losses, draws } = session;
      setText(byId("session-code"), code);
      setText(byId("settings-code"), code);
      name.placeholder = `Player-${code}`;
      const played = `${counted(games, "game")}; rounds: ${wins} won, ${draws} drawn, ${losses} lost`;
      setText(stats, newDay ? "A new day: you have a new session." : games ? played : "no games yet");
    },
  };
}

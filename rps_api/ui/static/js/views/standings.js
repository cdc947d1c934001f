/** Win streaks, the leaderboard and the games of this browser, below the choice of opponents and below a result. */
/** @import {Game, KeptGame, Opponent, Phase, Standing, Streak} from "../../../types/page.js" */
/** @import {Client} from "../api.js" */
/** @import {Memory} from "../memory.js" */
import { byId, make, makeIcon, setText } from "../dom.js";
import { points } from "../rules.js";
import { counted, day } from "../words.js";

const SHOWN_GAMES = 8;
const UNKNOWN = "The server does not answer. This list will return.";

/** @param {HTMLElement} list @param {HTMLElement} empty @param {HTMLElement[]} rows @param {string} words shown instead of an empty list */
function fill(list, empty, rows, words) {
  list.replaceChildren(...rows);
  list.hidden = rows.length === 0;
  empty.hidden = rows.length > 0;
  setText(empty, words);
}

/** @param {number} rank @param {string} name @param {string} note @param {string} value */
function row(rank, name, note, value) {
  const item = make("li", "row");
  const words = make("span", "row__words");
  words.append(make("span", "row__name", name), make("span", "row__note", note));
  item.append(make("span", "row__rank", String(rank)), words, make("span", "row__value", value));
  return item;
}

/** @param {Streak} streak @param {number} index */
function streakRow({ username, streak, current_streak: current, last_win_date: lastWin }, index) {
  const running = current === streak ? ", still running" : "";
  return row(index + 1, username, `last win ${day(lastWin)}${running}`, counted(streak, "win"));
}

/** @param {Standing} standing @param {number} index */
function leaderRow({ player_name: name, total_games: games, win_rate: rate }, index) {
  return row(index + 1, name, counted(games, "game"), `${rate.toFixed(1)}\u202f%`);
}

/**
 * @param {{client: Client, memory: Memory, opponentOf: (policy: string) => Opponent,
 *   onReplay: (id: string) => void, onResume: (id: string) => void}} options
 */
export function createStandings({ client, memory, opponentOf, onReplay, onResume }) {
  const root = byId("standings");
  const radios = [...root.querySelectorAll("input[name=streaks]")].filter((node) => node instanceof HTMLInputElement);
  let seen = "";

  async function askStreaks() {
    const policy = radios.find((radio) => radio.checked)?.value ?? "brian";
    const list = byId("streaks");
    const empty = byId("streaks-empty");
    try {
      const { players } = await client.winStreaks(policy);
      if (policy !== radios.find((radio) => radio.checked)?.value) return; // the player chose another opponent meanwhile
      fill(list, empty, players.map(streakRow), `Nobody has beaten ${opponentOf(policy).name} yet. Be the first.`);
    } catch {
      fill(list, empty, [], UNKNOWN);
    }
  }

  async function askLeaders() {
    try {
      const { leaderboard } = await client.leaderboard();
      fill(byId("leaders"), byId("leaders-empty"), leaderboard.map(leaderRow), "Nobody has finished five games yet.");
    } catch {
      fill(byId("leaders"), byId("leaders-empty"), [], UNKNOWN);
    }
  }

  function showMine() {
    const games = memory.games();
    const rows = games.slice(0, SHOWN_GAMES).map((kept) => mineRow(kept));
    fill(byId("mine"), byId("mine-empty"), rows, "No games yet. You can replay your games here.");
  }

  /** @param {KeptGame} kept */
  function mineRow(kept) {
    const bot = opponentOf(kept.policy);
    const result =
      kept.winner === null ? "not finished" : kept.winner === "user" ? "won" : kept.winner === "bot" ? "lost" : "tie";
    const item = make("li", "row");
    const words = make("span", "row__words");
    words.append(
      make("span", "row__name", `${bot.name}: ${result}`),
      make("span", "row__note", `${points(kept.userScore)} to ${points(kept.botScore)}, ${day(kept.at)}`),
    );
    const button = make("button", "button button--small", kept.winner === null ? "Continue" : "Replay");
    button.type = "button";
    button.setAttribute(
      "aria-label",
      `${kept.winner === null ? "Continue" : "Replay"} the game against ${bot.name}, ${points(kept.userScore)} to ${points(kept.botScore)}`,
    );
    button.addEventListener("click", () => (kept.winner === null ? onResume : onReplay)(kept.id));
    const icon = makeIcon(bot.policy, "row__icon");
    item.append(icon, words, button);
    return item;
  }

  for (const radio of radios) radio.addEventListener("change", () => void askStreaks());

  function refresh() {
    showMine();
    void askStreaks();
    void askLeaders();
  }

  return {
    refresh,

    /** @param {Phase} phase @param {Game | null} game */
    render(phase, game) {
      root.hidden = phase !== "lobby" && phase !== "finished";
      const key = root.hidden ? "" : `${phase}:${game?.id ?? ""}`;
      if (key === seen) return;
      seen = key;
      if (root.hidden) return;
      for (const radio of radios) if (radio.value === (game?.policy ?? memory.policy())) radio.checked = true;
      refresh();
    },
  };
}

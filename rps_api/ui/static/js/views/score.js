/** Names, points and health of both sides. */
/** @import {Game, Opponent} from "../../../types/page.js" */
import { animate, byId, part, setIcon, setText } from "../dom.js";
import { healthLeft, points } from "../rules.js";

/** @param {string} id */
function createFighter(id) {
  const root = byId(id);
  const meter = part(root, "meter");
  const hit = part(root, "hit");
  let shownHealth = 100;

  return {
    /** @param {{name: string, icon: string, score: number, health: number, lost: number}} side */
    render({ name, icon, score, health, lost }) {
      setText(part(root, "name"), name);
      setIcon(root, "avatar", icon);
      setText(part(root, "points"), points(score));
      setText(part(root, "health"), String(health));
      setText(hit, lost > 0 ? `−${lost}` : "");
      root.dataset.level = health <= 25 ? "danger" : health <= 55 ? "warning" : "fine";
      meter.setAttribute("aria-label", `Health of ${name}`);
      meter.setAttribute("aria-valuenow", String(health));
      meter.style.setProperty("--share", String(health / 100));
      if (health < shownHealth)
        animate(
          hit,
          [
            { opacity: 0, transform: "translateY(-8px)" },
            { opacity: 1, transform: "none" },
          ],
          { duration: 240 },
        );
      shownHealth = health;
    },
  };
}

export function createScore() {
  const you = createFighter("fighter-you");
  const bot = createFighter("fighter-bot");
  const label = byId("round-label");

  return {
    /** @param {Game} game @param {Opponent} opponent */
    render(game, opponent) {
      const last = game.rounds.at(-1);
      const target = game.targetPoints;
      const hit = (/** @type {number} */ gain) => Math.round((100 * gain) / target);
      you.render({
        name: game.playerName,
        icon: "you",
        score: game.userScore,
        health: healthLeft(game.botScore, target),
        lost: hit(last?.botGain ?? 0),
      });
      bot.render({
        name: opponent.name,
        icon: opponent.policy,
        score: game.botScore,
        health: healthLeft(game.userScore, target),
        lost: hit(last?.userGain ?? 0),
      });
      setText(label, game.finished ? "Final" : `Round ${game.roundNo}`);
    },
  };
}

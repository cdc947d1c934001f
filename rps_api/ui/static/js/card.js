/** A picture of a finished game to share. Drawn in the browser; it shows no names of players. */
/** @import {Game, Opponent} from "../../types/page.js" */
import { curveOf } from "./curve.js";
import { points } from "./rules.js";
import { BITS_A_MOVE, readBits, storyOf } from "./story.js";
import { signedPercent } from "./words.js";

const WIDTH = 1200;
const HEIGHT = 630;
const EDGE = 72;
const COLOURS = { felt: "#0e3a3d", ink: "#f1f7f4", soft: "#b5d0cb", you: "#8cc8ff", best: "#ffcf3f" };

/** @param {Game} game @param {Opponent} opponent @returns {string[]} */
export function cardLines(game, opponent) {
  const story = storyOf(game);
  const result = { user: "won", bot: "lost", tie: "tied" }[game.winner ?? "tie"];
  const lines = [`I ${result} ${points(game.userScore)} : ${points(game.botScore)} against ${opponent.name}`];
  if (story) lines.push(`skill ${signedPercent(story.skill)} · luck ${signedPercent(story.luck)}`);
  if (story && story.bits !== null)
    lines.push(`read: ${readBits(story).toFixed(2)} of ${BITS_A_MOVE.toFixed(2)} bits a move`);
  return lines;
}

/** @param {Game} game @param {Opponent} opponent */
export function drawCard(game, opponent) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const paint = canvas.getContext("2d");
  if (!paint) return null;
  const font = getComputedStyle(document.body).fontFamily;
  paint.fillStyle = COLOURS.felt;
  paint.fillRect(0, 0, WIDTH, HEIGHT);
  cardLines(game, opponent).forEach((text, index) => {
    paint.fillStyle = index === 0 ? COLOURS.ink : COLOURS.soft;
    paint.font = `${index === 0 ? "800 52px" : "500 34px"} ${font}`;
    paint.fillText(text, EDGE, 112 + (index === 0 ? 0 : 14 + 48 * index), WIDTH - 2 * EDGE);
  });
  paint.fillText("RPS Quest: the best move is the one they expect.", EDGE, HEIGHT - 42, WIDTH - 2 * EDGE);
  const across = WIDTH - 2 * EDGE;
  const { line, turn } = curveOf(game, { left: EDGE, top: 270, width: across, height: 250 });
  paint.strokeStyle = COLOURS.soft;
  paint.setLineDash([4, 8]);
  paint.strokeRect(EDGE, 395, across, 0);
  paint.setLineDash([]);
  paint.strokeStyle = COLOURS.you;
  paint.lineWidth = 6;
  paint.lineJoin = "round";
  paint.beginPath();
  for (const [x, y] of line) paint.lineTo(x, y);
  paint.stroke();
  if (turn) {
    paint.fillStyle = COLOURS.best;
    paint.beginPath();
    paint.arc(turn[0], turn[1], 12, 0, 2 * Math.PI);
    paint.fill();
  }
  return canvas;
}

/** @param {Game} game @param {Opponent} opponent */
export function saveCard(game, opponent) {
  drawCard(game, opponent)?.toBlob((blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `rps-quest-${game.id.slice(-8)}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  });
}

/** The buttons and keys of the three moves, with the price and the risk of each. */
/** @import {Game, Move, State} from "../../../types/page.js" */
import { byId, part, setText } from "../dom.js";
import { MOVES, hunter, isMove, points, ranksOf } from "../rules.js";

const RANK_WORDS = { best: "pays most", middle: "in between", low: "pays least" };

/** @param {{onPlay: (move: Move) => void}} options */
export function createMoves({ onPlay }) {
  const root = byId("moves");
  /** @type {Map<Move, HTMLButtonElement>} */
  const buttons = new Map();
  for (const button of root.querySelectorAll("button")) {
    const move = button.dataset.move;
    if (!isMove(move)) continue;
    buttons.set(move, button);
    button.addEventListener("click", (event) => {
      // A round is faster than a double click. The second click must not play the next round.
      const isRepeated = event.detail > 1;
      if (!isRepeated && button.getAttribute("aria-disabled") !== "true") onPlay(move);
    });
  }

  // WebKit shows no focus that a script moves after a mouse click, so the page marks that keys choose the move.
  root.addEventListener("pointerdown", () => delete root.dataset.keys);

  /** @param {KeyboardEvent} event */
  function moveFocus(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return false;
    root.dataset.keys = "used";
    const now = MOVES.findIndex((move) => buttons.get(move) === document.activeElement);
    // If no move has the focus, the arrow enters at the nearer end.
    const next = now < 0 ? (step > 0 ? 0 : MOVES.length - 1) : (now + step + MOVES.length) % MOVES.length;
    const move = MOVES[next];
    if (move) buttons.get(move)?.focus();
    return true;
  }

  /** @param {State} state @param {Game} game @param {Move} move @param {HTMLButtonElement} button */
  function renderMove(state, game, move, button) {
    const { values } = game;
    const locked = state.busy || state.problem !== null || values === null;
    button.setAttribute("aria-disabled", String(locked));
    button.dataset.chosen = String(state.chosen === move && locked);
    if (!values) return; // keep the old prices, dimmed, until the new ones arrive
    const rank = ranksOf(values)[move];
    const answer = hunter(move);
    button.dataset.rank = rank;
    setText(part(button, "rank"), RANK_WORDS[rank]);
    setText(part(button, "value"), points(values[move]));
    setText(part(button, "risk"), `risks ${points(values[answer])}`);
    button.setAttribute(
      "aria-label",
      `${move}, worth ${points(values[move])}, ${RANK_WORDS[rank]}. Loses ${points(values[answer])} to ${answer}.`,
    );
  }

  return {
    /** @param {State} state @param {Game} game */
    render(state, game) {
      for (const [move, button] of buttons) renderMove(state, game, move, button);
    },

    /** Play or move the focus by key. @param {KeyboardEvent} event @returns {boolean} whether the key was used */
    key(event) {
      const pressed = event.key.toLowerCase();
      const move = MOVES.find((name, index) => pressed === name[0] || pressed === String(index + 1));
      if (!move) return moveFocus(event);
      const button = buttons.get(move);
      button?.focus();
      if (!event.repeat) button?.click();
      return true;
    },

    /** @param {Move} [move] */
    focus(move = "rock") {
      buttons.get(move)?.focus({ preventScroll: true });
    },
  };
}

// @ts-check
/** What a player's rounds give away. Plain functions from rounds to numbers and sentences. */
/** @import {Move, Round} from "./types.js" */
import { hunter, largest, sourceKind } from "./rules.js";
import { percent } from "./words.js";

const FEWEST_CASES = 2;

/** @typedef {{times: number, of: number}} Share */

/** How often each move was played. @param {readonly Round[]} rounds @returns {Record<Move, number>} */
export function moveCounts(rounds) {
  const counts = { rock: 0, paper: 0, scissors: 0 };
  for (const round of rounds) counts[round.userMove] += 1;
  return counts;
}

/** @param {readonly Round[]} rounds @param {(round: Round, before: Round | undefined) => boolean | null} asked null where it does not apply @returns {Share} */
function share(rounds, asked) {
  const answers = rounds.map((round, index) => asked(round, rounds[index - 1])).filter((answer) => answer !== null);
  return { times: answers.filter(Boolean).length, of: answers.length };
}

/** Chose the dearest move of the round. @param {readonly Round[]} rounds */
export function choseDearest(rounds) {
  return share(rounds, (round) => (round.values ? largest(round.values) === round.userMove : null));
}

/** Played the same move again. @param {readonly Round[]} rounds */
export function repeated(rounds) {
  return share(rounds, (round, before) => (before ? before.userMove === round.userMove : null));
}

/** After a lost round, played what would have beaten the bot there. @param {readonly Round[]} rounds */
export function answeredLosses(rounds) {
  return share(rounds, (round, before) =>
    before?.result === "lose" ? round.userMove === hunter(before.botMove) : null,
  );
}

/** After a won round, played the winning move again. @param {readonly Round[]} rounds */
export function stayedAfterWins(rounds) {
  return share(rounds, (round, before) => (before?.result === "win" ? round.userMove === before.userMove : null));
}

/** The habits that showed, as sentences. @param {readonly Round[]} rounds @returns {string[]} */
export function tells(rounds) {
  if (rounds.length < FEWEST_CASES) return ["After two rounds you see here what you give away."];
  /** @type {[Share, (words: string) => string][]} */
  const found = [
    [choseDearest(rounds), (words) => `You chose the dearest move ${words}.`],
    [repeated(rounds), (words) => `You repeated your move ${words}.`],
    [answeredLosses(rounds), (words) => `After a loss you played what would have won there ${words}.`],
    [stayedAfterWins(rounds), (words) => `After a win you stayed with your move ${words}.`],
  ];
  return found.filter(([{ of }]) => of >= FEWEST_CASES).map(([{ times, of }, say]) => say(`${times} of ${of} times`));
}

/** Probability that the bot gave to the move that was played; null where no model predicted. @param {Round} round */
export function expectedShare(round) {
  return round.forecast && sourceKind(round.forecast) === "model" ? round.forecast.probabilities[round.userMove] : null;
}

/** @param {readonly Round[]} rounds @param {string} bot @returns {string} */
export function reviewLead(rounds, bot) {
  const read = rounds.filter((round) => expectedShare(round) !== null);
  if (read.length === 0) return `No model of ${bot} predicted in this game, so there is nothing to compare.`;
  const shares = read.map((round) => expectedShare(round) ?? 0);
  const hits = read.filter(
    (round) => round.forecast && largest(round.forecast.probabilities) === round.userMove,
  ).length;
  const mean = shares.reduce((sum, value) => sum + value, 0) / shares.length;
  const verdict =
    hits / read.length > 0.45
      ? "That is better than the one in three of pure chance."
      : hits / read.length < 0.22
        ? "Chance alone would have done better."
        : "Chance alone gives one in three.";
  const least = read[shares.indexOf(Math.min(...shares))];
  const surprise = least ? ` Your biggest surprise was ${least.userMove} in round ${least.roundNo}.` : "";
  return `${bot} expected your move in ${hits} of ${read.length} rounds and gave it ${percent(mean)} on average. ${verdict}${surprise}`;
}

/** Won games in a row, newest first, until one was not won. @param {readonly {winner: string | null}[]} games @returns {{current: number, longest: number}} */
export function streakOf(games) {
  const finished = games.filter((game) => game.winner !== null);
  const firstOther = finished.findIndex((game) => game.winner !== "user");
  let longest = 0;
  let run = 0;
  for (const game of finished) {
    run = game.winner === "user" ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return { current: firstOther < 0 ? finished.length : firstOther, longest };
}

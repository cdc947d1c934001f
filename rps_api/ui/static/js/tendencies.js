/** Habits of the player and how well the bot predicted them. Plain functions. */
/** @import {Move, Round} from "../../types/page.js" */
import { hunter, largest, sourceKind } from "./rules.js";
import { percent } from "./words.js";

/** A number of hits that guesses reach less often is not luck. */
const RARE = 0.05;
const FEWEST_CASES = 2;

/** @typedef {{times: number, of: number}} Share */

/** How often each move was played. @param {readonly Round[]} rounds @returns {Record<Move, number>} */
export function moveCounts(rounds) {
  const counts = { rock: 0, paper: 0, scissors: 0 };
  for (const round of rounds) counts[round.userMove] += 1;
  return counts;
}

/** @param {readonly Round[]} rounds @param {(round: Round, before: Round | undefined) => boolean | null} isCase null if the round is not a case @returns {Share} */
function share(rounds, isCase) {
  const answers = rounds.map((round, index) => isCase(round, rounds[index - 1])).filter((answer) => answer !== null);
  return { times: answers.filter(Boolean).length, of: answers.length };
}

/** Chose the move that paid most. @param {readonly Round[]} rounds */
export function choseBest(rounds) {
  return share(rounds, (round) => (round.values ? largest(round.values) === round.userMove : null));
}

/** Played the same move again. @param {readonly Round[]} rounds */
export function repeated(rounds) {
  return share(rounds, (round, before) => (before ? before.userMove === round.userMove : null));
}

/** After a lost round, played the move that would have won it. @param {readonly Round[]} rounds */
export function answeredLosses(rounds) {
  return share(rounds, (round, before) =>
    before?.result === "lose" ? round.userMove === hunter(before.botMove) : null,
  );
}

/** After a won round, played the winning move again. @param {readonly Round[]} rounds */
export function stayedAfterWins(rounds) {
  return share(rounds, (round, before) => (before?.result === "win" ? round.userMove === before.userMove : null));
}

/** The habits with at least two cases, as sentences. @param {readonly Round[]} rounds @returns {string[]} */
export function habits(rounds) {
  if (rounds.length < FEWEST_CASES) return ["After two rounds, this shows your habits."];
  /** @type {[Share, (words: string) => string][]} */
  const found = [
    [choseBest(rounds), (words) => `You chose the move that paid most ${words}.`],
    [repeated(rounds), (words) => `You repeated your move ${words}.`],
    [answeredLosses(rounds), (words) => `After a loss, you played the last round’s winning move ${words}.`],
    [stayedAfterWins(rounds), (words) => `After a win, you repeated your move ${words}.`],
  ];
  return found
    .filter(([{ of }]) => of >= FEWEST_CASES)
    .map(([{ times, of }, sentence]) => sentence(`${times} of ${of} times`));
}

/** Probability that the model gave to the played move; null if no model predicted the round. @param {Round} round */
export function expectedShare(round) {
  return round.prediction && sourceKind(round.prediction) === "model"
    ? round.prediction.probabilities[round.userMove]
    : null;
}

/** @param {readonly Round[]} rounds @param {string} bot @returns {string} */
export function reviewLead(rounds, bot) {
  const read = rounds.filter((round) => expectedShare(round) !== null);
  if (read.length === 0) return `No model predicted your moves in this game.`;
  const shares = read.map((round) => expectedShare(round) ?? 0);
  const hits = read.filter(
    (round) => round.prediction && largest(round.prediction.probabilities) === round.userMove,
  ).length;
  const mean = shares.reduce((sum, value) => sum + value, 0) / shares.length;
  const least = read[shares.indexOf(Math.min(...shares))];
  const surprise = least ? ` The move it expected least was ${least.userMove} in round ${least.roundNo}.` : "";
  return `${bot} expected your move in ${hits} of ${read.length} rounds and gave it ${percent(mean)} on average, where a guess gives 33\u202f%. ${verdictWords(hits, read.length)}${surprise}`;
}

/** What the number of expected moves shows, beside what guesses get by chance. @param {number} hits @param {number} rounds */
export function verdictWords(hits, rounds) {
  const atLeast = shareOfGuesses(rounds, (count) => count >= hits);
  const atMost = shareOfGuesses(rounds, (count) => count <= hits);
  if (atLeast <= RARE) return `Guesses get that many in ${rarely(atLeast)} of games: it read you.`;
  if (atMost <= RARE) return `Guesses get so few in ${rarely(atMost)} of games: you misled it.`;
  return `Guesses get as many or more in ${percent(atLeast)} of games, so this may be luck.`;
}

/** @param {number} share */
const rarely = (share) => (share < 0.001 ? "fewer than 0.1\u202f%" : percent(share, 1));

/** How often `rounds` guesses among three moves hit a number of times that qualifies. @param {number} rounds @param {(count: number) => boolean} qualifies */
function shareOfGuesses(rounds, qualifies) {
  let chance = (2 / 3) ** rounds;
  let share = 0;
  for (let count = 0; count <= rounds; count += 1) {
    if (qualifies(count)) share += chance;
    chance *= (rounds - count) / (count + 1) / 2;
  }
  return share;
}

/** The current and the longest streak of won games. Games are newest first. @param {readonly {winner: string | null}[]} games @returns {{current: number, longest: number}} */
export function streakOf(games) {
  const finished = games.filter((game) => game.winner !== null);
  const firstNotWon = finished.findIndex((game) => game.winner !== "user");
  let longest = 0;
  let run = 0;
  for (const game of finished) {
    run = game.winner === "user" ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return { current: firstNotWon < 0 ? finished.length : firstNotWon, longest };
}

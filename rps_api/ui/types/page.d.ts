// Types that the page's modules share. `api.d.ts` is generated from the API's OpenAPI document: `make page-types`.
import type { paths } from "./api.js";

type Body<Message> = Message extends { content: { "application/json": infer Json } } ? Json : never;

/** The body of a successful reply. */
export type Reply<Path extends keyof paths, Method extends "get" | "post" = "get"> = paths[Path][Method] extends {
  responses: { 200: infer Message };
}
  ? Body<Message>
  : never;

/** The body of a request. */
export type Order<Path extends keyof paths> = paths[Path]["post"] extends { requestBody: infer Message }
  ? Body<Message>
  : never;

export type StartReply = Reply<"/start_game", "post">;
export type PlayReply = Reply<"/play", "post">;
export type GameReply = Reply<"/games/{game_id}">;
export type RoundReply = GameReply["rounds"][number];
export type ModelsReply = Reply<"/models">;
export type Explanation = Reply<"/games/{game_id}/rounds/{round_no}/explanation">;
export type ModelLineage = NonNullable<Explanation["model"]>;
export type SessionStats = Extract<Reply<"/stats">, { session_code: string }>;
export type HumanRate = Reply<"/bot_win_rates">["bot_rates"][string];
export type Streak = Reply<"/win_streaks">["players"][number];
export type Standing = Reply<"/leaderboard">["leaderboard"][number];

export type Move = PlayReply["user_move"];
/** From the player's side. */
export type Result = PlayReply["result"];
export type Winner = NonNullable<PlayReply["winner"]>;
/** One number for each move: points or probabilities. */
export type Values = Readonly<PlayReply["round_points"]>;
export type Rank = "low" | "middle" | "best";

/** The player's win probability around one round. */
export type Chances = NonNullable<PlayReply["win_probability"]>;
export type ChoiceRule = StartReply["choice_rule"];

/** What the bot expected before a round. */
export interface Prediction {
  /** Of the player's moves. */
  readonly probabilities: Values;
  /** Points the bot expected from each of its moves; null in the opening. */
  readonly expected: Values | null;
  /** `gambit`, a kind of model store, or a kind of fallback. */
  readonly source: string;
  readonly alias: string | null;
  readonly version: string | null;
}

/** A round that has been played. Gains and scores are points; scores include this round. */
export interface Round {
  readonly roundNo: number;
  readonly userMove: Move;
  readonly botMove: Move;
  readonly result: Result;
  readonly userGain: number;
  readonly botGain: number;
  readonly userScore: number;
  readonly botScore: number;
  readonly values: Values | null;
  readonly prediction: Prediction | null;
  /** Null in games with other values, and until it is loaded. */
  readonly chances: Chances | null;
}

export interface Game {
  readonly id: string;
  readonly playerName: string;
  readonly policy: string;
  readonly targetPoints: number;
  readonly userScore: number;
  readonly botScore: number;
  /** The round to play next. */
  readonly roundNo: number;
  /** Points of the next round; null until they are known. */
  readonly values: Values | null;
  /** Oldest first. */
  readonly rounds: readonly Round[];
  /** The player's chance to win now. */
  readonly winProbability: number;
  /** How many of the player's earlier games the bot sees. */
  readonly rememberedGames: number;
  /** SHA-256 of the key of the values, from before the first move. */
  readonly keyHash: string | null;
  /** The key itself; null until the game is finished. */
  readonly valueKey: string | null;
  readonly habit: string | null;
  readonly finished: boolean;
  readonly winner: Winner | null;
}

/** Something that stopped the player. */
export interface Problem {
  readonly title: string;
  readonly text: string;
  /** Label of the button. */
  readonly action: string;
  readonly offline: boolean;
  readonly retry: () => void;
}

export type Phase = "loading" | "lobby" | "playing" | "finished";

export interface State {
  readonly phase: Phase;
  readonly game: Game | null;
  /** A request is running, so no move can be played. */
  readonly busy: boolean;
  /** The move in the running request. */
  readonly chosen: Move | null;
  readonly problem: Problem | null;
}

export interface Opponent {
  readonly policy: string;
  readonly name: string;
  readonly kind: string;
  readonly family: string;
}

export type ServedModel = NonNullable<ModelsReply[string]["aliases"][string]>;

export interface ModelSummary {
  /** Slots that have a model. */
  readonly serving: number;
  readonly slots: number;
  /** By family. */
  readonly production: Readonly<Record<string, ServedModel>>;
  /** By `modelKey(family, version)`. */
  readonly trainedGames: Readonly<Record<string, number>>;
}

/** A game that this browser remembers. */
export interface KeptGame {
  readonly id: string;
  /** When this browser first saw it, in milliseconds since 1970. */
  readonly at: number;
  readonly policy: string;
  readonly playerName: string;
  /** Null while the game is running. */
  readonly winner: Winner | null;
  readonly userScore: number;
  readonly botScore: number;
  readonly rounds: number;
}

/** One call to the API, for the developer panel. */
export interface Call {
  readonly method: string;
  readonly path: string;
  /** 0 if no reply came. */
  readonly status: number;
  readonly durationMs: number;
  readonly request: unknown;
  readonly reply: unknown;
}

// The observatory uses the API's own names.
export type Loop = Reply<"/observatory/state">;
export type Slot = Loop["slots"][number];
export type Family = Loop["families"][number];
export type Contestant = Family["production"];
export type Progress = Family["progress"];
export type Decision = Loop["ledger"][number];

// @ts-check
/**
 * The answer of GET /observatory/state, under the API's own names. Nothing runs here.
 *
 * @typedef {{hits: number, trials: number, rate: number, low: number, high: number}} Rate
 *
 * @typedef {object} Slot
 * @property {string} family
 * @property {string} alias
 * @property {string} policy
 * @property {string | null} version
 * @property {string | null} run_id
 * @property {string | null} trained_at
 * @property {number | null} training_games
 * @property {number | null} test_accuracy
 * @property {Rate | null} accuracy
 *
 * @typedef {{version: string | null, ties: number, win_rate: Rate | null}} Contestant
 *
 * @typedef {object} Progress
 * @property {"sequential" | "z_test" | "lead"} policy
 * @property {number | null} evidence
 * @property {number} threshold
 * @property {number} games_needed
 * @property {number} production_games_missing
 * @property {number} b_games_missing
 * @property {boolean} is_reached
 * @property {number} share
 *
 * @typedef {{rank: number, alias: string, version: string, accuracy_at_least: number, predictions: number, predictions_needed: number}} Challenger
 *
 * @typedef {object} Family
 * @property {string} family
 * @property {string} policy
 * @property {string} opponent
 * @property {Contestant} production
 * @property {Contestant} b
 * @property {Progress} progress
 * @property {readonly Challenger[]} challengers
 *
 * @typedef {object} Decision
 * @property {string} at
 * @property {string} family
 * @property {string} decision
 * @property {boolean} reorder_applied
 * @property {readonly {alias: string, previous_version: string | null, version: string | null}[]} moves
 * @property {string | null} reason
 *
 * @typedef {object} Activity
 * @property {boolean} counted
 * @property {readonly number[]} rounds_by_minute
 * @property {readonly number[]} games_by_minute
 * @property {number} active_games
 * @property {number | null} rounds
 * @property {number | null} finished_games
 * @property {Readonly<Record<string, number>>} rounds_by_source
 *
 * @typedef {object} Cache
 * @property {boolean} readable
 * @property {string | null} written_at
 * @property {readonly {family: string, alias: string, version: string, run_id: string, served: boolean}[]} entries
 *
 * @typedef {object} Serving
 * @property {string | null} source
 * @property {number} filled
 * @property {number} slots
 * @property {readonly string[]} failing
 * @property {readonly string[]} unloaded
 * @property {boolean} forced_fallback
 *
 * @typedef {object} Dataset
 * @property {string} fingerprint
 * @property {number} games
 * @property {number} human_games
 * @property {number} examples
 * @property {string} last_game_at
 * @property {string} trained_at
 *
 * @typedef {object} Loop the whole answer
 * @property {string} at
 * @property {Activity} activity
 * @property {Dataset | null} dataset
 * @property {readonly Slot[]} slots
 * @property {readonly Family[]} families
 * @property {readonly Decision[]} ledger
 * @property {Cache} cache
 * @property {Serving} serving
 */
export {};

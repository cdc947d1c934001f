// @ts-check
/**
 * The words the modules share. Nothing runs here.
 *
 * @typedef {"rock" | "paper" | "scissors"} Move
 * @typedef {"win" | "lose" | "draw"} Result the result from the player's side
 * @typedef {"low" | "middle" | "best"} Rank
 * @typedef {Readonly<Record<Move, number>>} Values one number for each move: points, or probabilities
 *
 * @typedef {object} Forecast what the bot believed before a round
 * @property {Values} probabilities of the player's move
 * @property {Values | null} expected points the bot expected from each of its moves; null in the opening
 * @property {string} source `gambit`, a kind of model store, or a kind of fallback
 * @property {string | null} alias
 * @property {string | null} version
 *
 * @typedef {object} Round a round that has been played; scores are those after it
 * @property {number} roundNo
 * @property {Move} userMove
 * @property {Move} botMove
 * @property {Result} result
 * @property {number} userGain points
 * @property {number} botGain points
 * @property {number} userScore points
 * @property {number} botScore points
 * @property {Values | null} values points of that round
 * @property {Forecast | null} forecast
 *
 * @typedef {"user" | "bot" | "tie"} Winner
 *
 * @typedef {object} Game
 * @property {string} id
 * @property {string} playerName
 * @property {string | null} sessionCode told when a game starts
 * @property {string} policy
 * @property {number} targetPoints
 * @property {number} userScore points
 * @property {number} botScore points
 * @property {number} roundNo the round to be played next
 * @property {Values | null} values points of the next round; null until they are known
 * @property {readonly Round[]} rounds oldest first
 * @property {boolean} finished
 * @property {Winner | null} winner
 *
 * @typedef {object} Problem something that stopped the player, in words
 * @property {string} title
 * @property {string} text
 * @property {string} action what the button says
 * @property {boolean} offline
 * @property {() => void} retry
 *
 * @typedef {"loading" | "lobby" | "playing" | "finished"} Phase
 *
 * @typedef {object} State
 * @property {Phase} phase
 * @property {Game | null} game
 * @property {boolean} busy a request runs, so nothing may be played
 * @property {Move | null} chosen the move that a running request carries
 * @property {Problem | null} problem
 *
 * @typedef {object} Opponent
 * @property {string} policy
 * @property {string} name
 * @property {string} kind
 * @property {string} family
 *
 * @typedef {object} ModelSummary
 * @property {number} serving slots that have a model
 * @property {number} slots
 * @property {Readonly<Record<string, ServedModel>>} production by family
 * @property {Readonly<Record<string, number>>} trainedGames by `modelKey(family, version)`
 *
 * @typedef {object} ServedModel
 * @property {string} version
 * @property {number | null} trainedGames
 *
 * @typedef {object} Rate how people do against one opponent
 * @property {number | null} humanWinRate percent; null before the first game
 * @property {number} games finished games of people
 *
 * @typedef {object} Streak won games in a row
 * @property {string} name
 * @property {number} longest
 * @property {number} current
 * @property {string | null} lastWinAt
 *
 * @typedef {object} Standing
 * @property {string} name
 * @property {number} winRate percent
 * @property {number} games
 *
 * @typedef {object} SessionSummary games of this session, and its rounds
 * @property {string} code
 * @property {number} games
 * @property {number} rounds
 * @property {number} wins
 * @property {number} losses
 * @property {number} draws
 *
 * @typedef {object} KeptGame a game that this browser remembers
 * @property {string} id
 * @property {number} at milliseconds since 1970, when it was first seen here
 * @property {string} policy
 * @property {string} playerName
 * @property {Winner | null} winner null while it runs
 * @property {number} userScore points
 * @property {number} botScore points
 * @property {number} rounds
 *
 * @typedef {object} SlotForecast what the model of one slot expected
 * @property {string} alias
 * @property {string | null} version
 * @property {Values} probabilities
 * @property {boolean} correct
 *
 * @typedef {object} ModelCard where a model comes from; null where its manifest is unknown
 * @property {string} family
 * @property {string} alias
 * @property {string} version
 * @property {string} runId
 * @property {string | null} configuration
 * @property {string | null} trainedFor
 * @property {string | null} trainedAt
 * @property {boolean | null} reproduced whether the model, asked again, gives the stored probabilities
 * @property {Readonly<Record<string, number>>} metrics
 * @property {string | null} fingerprint
 * @property {number | null} examples
 * @property {number | null} games
 * @property {number | null} humanGames
 * @property {string | null} lastGameAt
 *
 * @typedef {object} Explanation
 * @property {number} roundNo
 * @property {Move} userMove
 * @property {Move} botMove
 * @property {string} summary
 * @property {string} source
 * @property {Values | null} probabilities
 * @property {Values | null} expected
 * @property {string | null} contract
 * @property {Readonly<Record<string, number>>} features
 * @property {readonly SlotForecast[]} slots
 * @property {ModelCard | null} model
 * @property {Readonly<Record<string, string | null>>} links
 *
 * @typedef {object} Call one call to the API, for the developer panel
 * @property {string} method
 * @property {string} path
 * @property {number} status 0 where no reply came
 * @property {number} durationMs
 * @property {unknown} request
 * @property {unknown} reply
 */
export {};

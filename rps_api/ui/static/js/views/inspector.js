/** A dialog that explains one played round: why the bot chose its move, and which data trained its model. */
/** @import {Explanation, Game, ModelLineage, Move, Opponent, Round, Values} from "../../../types/page.js" */
/** @import {Client} from "../api.js" */
import { ApiError } from "../api.js";
import { decodeGame, decodeRounds, valuesOf, withPredictions } from "../decode.js";
import { byId, find, make, makeIcon, setText } from "../dom.js";
import { MOVES, capital, largest, points, signed } from "../rules.js";
import { counted, day, moveWords, percent, roundWords } from "../words.js";

const FAMILY_NAMES = {
  feedforward_nn: "Neural network",
  xgboost: "XGBoost",
  multinomial_logistic: "Logistic regression",
};
const LINKS = /** @type {const} */ ([
  ["model_asset", "Model in Dagster"],
  ["dataset_asset", "Training data in Dagster"],
  ["rounds_asset", "Rounds in Dagster"],
  ["mlflow_version", "Version in MLflow"],
  ["mlflow_run", "Run in MLflow"],
]);

/** @param {{client: Client, opponentOf: (policy: string) => Opponent}} options */
export function createInspector({ client, opponentOf }) {
  const dialog = find(document, "#inspector", HTMLDialogElement);
  const body = byId("inspector-body");
  const title = byId("inspector-title");
  const back = byId("inspector-back");
  const next = byId("inspector-next");
  /** @type {Map<string, Explanation>} */
  const known = new Map();
  /** @type {{game: Game, roundNo: number} | null} */
  let shown = null;

  /** @param {number} step */
  function moveBy(step) {
    if (!shown) return;
    const roundNo = shown.roundNo + step;
    if (roundNo >= 1 && roundNo <= shown.game.rounds.length) void show(shown.game, roundNo);
  }

  /** @param {Game} game @param {number} roundNo */
  async function show(game, roundNo) {
    const round = game.rounds[roundNo - 1];
    if (!round) return;
    shown = { game, roundNo };
    const opponent = opponentOf(game.policy);
    setText(byId("inspector-game"), `${game.playerName} against ${opponent.name}`);
    setText(title, `Round ${roundNo} of ${game.rounds.length}`);
    back.setAttribute("aria-disabled", String(roundNo === 1));
    next.setAttribute("aria-disabled", String(roundNo === game.rounds.length));
    byId("inspector-track").replaceChildren(...game.rounds.map((played) => dot(played, played.roundNo === roundNo)));
    const head = roundHead(round, opponent.name, game.targetPoints);
    const why = make("div", "inspector__why");
    why.append(make("p", "panel__empty", "Loading the explanation…"));
    body.replaceChildren(...head, why);
    const answer = await explanationOf(game.id, roundNo);
    if (shown?.game !== game || shown.roundNo !== roundNo) return; // the player moved on or closed the dialog meanwhile
    why.replaceChildren(
      ...(typeof answer === "string" ? [make("p", "panel__empty", answer)] : whyParts(round, answer, opponent.name)),
    );
  }

  /** @param {string} id @param {number} roundNo @returns {Promise<Explanation | string>} */
  async function explanationOf(id, roundNo) {
    const key = `${id}:${roundNo}`;
    const before = known.get(key);
    if (before) return before;
    try {
      const found = await client.explanation(id, roundNo);
      known.set(key, found);
      return found;
    } catch (error) {
      const reason =
        error instanceof ApiError && error.status === 0
          ? "The server does not answer."
          : error instanceof Error
            ? error.message
            : "";
      return `The explanation could not be loaded. ${reason}`;
    }
  }

  back.addEventListener("click", () => moveBy(-1));
  next.addEventListener("click", () => moveBy(1));
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) moveBy(step);
  });
  dialog.addEventListener("close", () => {
    shown = null;
  });

  /** @param {Game} game @param {number} roundNo */
  function open(game, roundNo) {
    if (!dialog.open) dialog.showModal();
    title.focus();
    void show(game, roundNo);
  }

  return {
    open,

    /** Show a game of this browser from its first round. @param {string} id */
    async replay(id) {
      setText(byId("inspector-game"), "");
      setText(title, "Your game");
      body.replaceChildren(make("p", "panel__empty", "Loading your game…"));
      dialog.showModal();
      try {
        const [reply, recent] = await Promise.all([client.game(id), client.recent(id)]);
        const game = withPredictions(decodeGame(reply), decodeRounds(recent));
        if (game.rounds.length > 0) open(game, 1);
        else body.replaceChildren(make("p", "panel__empty", "This game has no rounds."));
      } catch (error) {
        const gone = error instanceof ApiError && error.status === 404;
        body.replaceChildren(
          make(
            "p",
            "panel__empty",
            gone ? "The server no longer has this game." : "The server does not answer. Try again later.",
          ),
        );
      }
    },
  };
}

/** @param {Round} round @param {boolean} here */
function dot(round, here) {
  const mark = make("span", "inspector__dot");
  mark.dataset.result = round.result;
  mark.dataset.here = String(here);
  return mark;
}

/** @param {Round} round @param {string} bot @param {number} target @returns {HTMLElement[]} */
function roundHead(round, bot, target) {
  const duel = make("div", "inspector__duel");
  duel.append(
    side("You", round.userMove, "you"),
    make("span", "inspector__versus", "against"),
    side(bot, round.botMove, "bot"),
  );
  const { headline, why } = roundWords(round, bot);
  const words = make("p", "inspector__words");
  words.append(make("b", "", `${headline}. `), why);
  const race = make("div", "inspector__scores");
  race.append(scoreLine("You", round.userScore, target, "you"), scoreLine(bot, round.botScore, target, "bot"));
  return [duel, words, race];
}

/** @param {string} name @param {Move} move @param {string} kind */
function side(name, move, kind) {
  const box = make("div", `inspector__side inspector__side--${kind}`);
  box.append(makeIcon(move), make("span", "inspector__name", name), make("span", "", move));
  return box;
}

/** @param {string} name @param {number} score @param {number} target @param {string} kind */
function scoreLine(name, score, target, kind) {
  const line = make("p", `inspector__score inspector__score--${kind}`);
  const track = make("span", "bar__track");
  const fill = make("span", "bar__fill");
  fill.style.setProperty("--share", String(Math.min(1, score / target)));
  track.append(fill);
  line.append(make("span", "", name), track, make("b", "", points(score)));
  return line;
}

/** @param {Round} round @param {Explanation} answer @param {string} bot @returns {HTMLElement[]} */
function whyParts(round, answer, bot) {
  /** @type {HTMLElement[]} */
  const parts = [make("h3", "panel__title", "Why this move?"), make("p", "inspector__summary", answer.summary)];
  for (const habit of answer.habits) parts.push(make("p", "inspector__habit", `${habit}.`));
  if (answer.win_probability) parts.push(make("p", "inspector__summary", moveWords(answer.win_probability)));
  const expected = valuesOf(answer.expected_values);
  if (expected) parts.push(decisionTable(round, answer.probabilities, expected, bot));
  if (Object.keys(answer.alias_predictions).length > 0) parts.push(slotTable(answer, round));
  if (answer.model) parts.push(modelCard(answer.model), linkList(answer.links));
  return parts;
}

/** @param {string[]} heads @param {string} caption */
function tableOf(heads, caption) {
  const table = make("table", "grid");
  const head = make("tr");
  head.append(
    ...heads.map((text) => {
      const cell = make("th", "", text);
      cell.scope = "col";
      return cell;
    }),
  );
  const thead = make("thead");
  thead.append(head);
  table.append(make("caption", "", caption), thead);
  return table;
}

/** @param {Round} round @param {Values} probabilities @param {Values} expected @param {string} bot */
function decisionTable(round, probabilities, expected, bot) {
  const table = tableOf(
    ["Move", "Price", "Expected of you", `Worth to ${bot}`],
    "Price, how likely you were to play it, and what it was worth to the bot",
  );
  const rows = make("tbody");
  for (const move of MOVES) {
    const row = make("tr");
    const name = make("th", "grid__move");
    name.scope = "row";
    name.append(makeIcon(move), capital(move));
    if (move === round.userMove) name.append(make("span", "chip chip--you", "you"));
    if (move === round.botMove) name.append(make("span", "chip chip--bot", bot));
    const price = round.values ? points(round.values[move]) : "–";
    const cells = [price, percent(probabilities[move]), signed(expected[move])];
    row.append(name, ...cells.map((text) => make("td", "", text)));
    rows.append(row);
  }
  table.append(rows);
  return table;
}

/** @param {Explanation} answer @param {Round} round */
function slotTable(answer, round) {
  const table = tableOf(
    ["Model", "Expected", "Your move"],
    "What each of the four models expected, and its probability for your move",
  );
  const rows = make("tbody");
  for (const [alias, slot] of Object.entries(answer.alias_predictions)) {
    const row = make("tr");
    const name = make("th", "", alias);
    name.scope = "row";
    name.append(make("span", "grid__note", ` version ${slot.model_version}`));
    if (alias === answer.model?.alias) name.append(make("span", "chip chip--bot", "played"));
    const expected = largest(slot.probabilities);
    row.append(
      name,
      make("td", "", `${expected} ${percent(slot.probabilities[expected])}`),
      make("td", "", `${percent(slot.probabilities[round.userMove])}${slot.correct ? " ✓" : ""}`),
    );
    rows.append(row);
  }
  table.append(rows);
  return table;
}

/** @param {{ simulated_games: number }} training */
function simulated({ simulated_games: games }) {
  return games === 0 ? "" : ` and ${counted(games, "game")} of simulated people`;
}

/** @param {ModelLineage} model */
function modelCard({ training, metrics, ...model }) {
  const card = make("dl", "card");
  const accuracy = metrics.test_accuracy;
  const loss = metrics.test_log_loss;
  const majority = metrics.majority_accuracy;
  /** @type {[string, string | null][]} */
  const facts = [
    ["Model", `${FAMILY_NAMES[model.model_type]}, version ${model.version} (${model.alias})`],
    [
      "Training data",
      training &&
        `${counted(training.games, "game")} (${training.human_games} by people)${simulated(training)}, ${counted(training.examples, "round")}, up to ${day(training.last_game_at)}`,
    ],
    ["Trained", model.trained_at && `${day(model.trained_at)}, configuration ${model.configuration_id ?? "unknown"}`],
    [
      "Accuracy on unseen games",
      accuracy === undefined
        ? null
        : `${percent(accuracy)}${loss === undefined ? "" : `, log loss ${loss.toFixed(3)}`}${majority === undefined ? "" : `; always predicting one move: ${percent(majority)}`}`,
    ],
    [
      "Checked again now",
      model.reproduced === null
        ? "this model is no longer loaded"
        : model.reproduced
          ? "gives exactly the stored probabilities"
          : "gives other probabilities than those stored",
    ],
    ["Data fingerprint", training && training.fingerprint.slice(0, 16)],
  ];
  for (const [name, value] of facts) {
    if (value === null) continue;
    const row = make("div");
    row.append(make("dt", "", name), make("dd", "", value));
    card.append(row);
  }
  return card;
}

/** @param {Explanation["links"]} links */
function linkList(links) {
  const list = make("ul", "links");
  const { dagster, mlflow } = document.body.dataset;
  for (const [name, text] of LINKS) {
    const address = links?.[name];
    // Only addresses that a browser can reach, according to the server.
    const base = name.startsWith("mlflow") ? mlflow : dagster;
    if (!address || !base || !address.startsWith(base)) continue;
    const item = make("li");
    const link = make("a", "", text);
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener";
    link.append(make("span", "visually-hidden", ", opens in a new tab"));
    item.append(link);
    list.append(item);
  }
  return list;
}

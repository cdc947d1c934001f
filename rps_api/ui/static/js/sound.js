/** Sounds from the browser's synthesiser. Off until the player turns them on. */
/** @import {Result, Winner} from "../../types/page.js" */

/** @typedef {readonly [frequencyHz: number, startSeconds: number, lengthSeconds: number]} Note */
/** @type {Readonly<Record<string, readonly Note[]>>} */
const TUNES = {
  win: [
    [523, 0, 0.09],
    [784, 0.08, 0.14],
  ],
  lose: [
    [294, 0, 0.1],
    [220, 0.09, 0.16],
  ],
  draw: [
    [392, 0, 0.1],
    [392, 0.12, 0.1],
  ],
  victory: [
    [523, 0, 0.12],
    [659, 0.11, 0.12],
    [784, 0.22, 0.12],
    [1047, 0.33, 0.3],
  ],
  defeat: [
    [392, 0, 0.14],
    [330, 0.13, 0.14],
    [262, 0.26, 0.3],
  ],
};
const LOUDNESS = 0.12;

/** @param {{on: boolean}} options */
export function createSound({ on }) {
  let wanted = on;
  /** @type {AudioContext | null} */
  let context = null;

  /** @param {string} name */
  function play(name) {
    if (!wanted || !("AudioContext" in window)) return;
    context ??= new AudioContext();
    void context.resume(); // browsers suspend it until the first click or key
    for (const [frequency, start, length] of TUNES[name] ?? [])
      sing(context, frequency, context.currentTime + start, length);
  }

  return {
    /** @param {boolean} value */
    turn(value) {
      wanted = value;
      play("draw");
    },
    /** @param {Result} result */
    round: (result) => play(result),
    /** @param {Winner | null} winner */
    finish: (winner) => play(winner === "user" ? "victory" : winner === "bot" ? "defeat" : "draw"),
  };
}

/** @param {AudioContext} context @param {number} frequency @param {number} at @param {number} length */
function sing(context, frequency, at, length) {
  const voice = new OscillatorNode(context, { type: "triangle", frequency });
  const loudness = new GainNode(context, { gain: 0 });
  loudness.gain.setValueAtTime(0, at);
  loudness.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
  loudness.gain.exponentialRampToValueAtTime(0.001, at + length);
  voice.connect(loudness).connect(context.destination);
  voice.start(at);
  voice.stop(at + length + 0.02);
}

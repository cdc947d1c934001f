// @ts-check
/** What the browser remembers between visits: who plays, and which game runs. Works without storage, for one visit. */

const SESSION = "rps-lite-session";
const GAME = "rps-lite-game";
const NAME = "rps-lite-name";
const POLICY = "rps-lite-opponent";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @typedef {ReturnType<typeof createMemory>} Memory */

/** A random UUID, also where the page came over plain HTTP and `crypto.randomUUID` does not exist. */
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function createMemory() {
  /** @type {Map<string, string>} */
  const spare = new Map();

  /** @param {string} key @returns {string | null} */
  function read(key) {
    try {
      return localStorage.getItem(key) ?? spare.get(key) ?? null;
    } catch {
      return spare.get(key) ?? null; // private windows may forbid storage
    }
  }

  /** @param {string} key @param {string | null} value */
  function write(key, value) {
    if (value === null) spare.delete(key);
    else spare.set(key, value);
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // The spare copy lasts as long as the page.
    }
  }

  return {
    /** @returns {string} a UUID, made on the first visit */
    sessionId() {
      const known = read(SESSION);
      if (known && UUID.test(known)) return known;
      const fresh = newUuid();
      write(SESSION, fresh);
      return fresh;
    },
    gameId: () => read(GAME),
    /** @param {string | null} id */
    rememberGame: (id) => write(GAME, id),
    name: () => read(NAME) ?? "",
    /** @param {string} name */
    rememberName: (name) => write(NAME, name || null),
    policy: () => read(POLICY),
    /** @param {string} policy */
    rememberPolicy: (policy) => write(POLICY, policy),
  };
}

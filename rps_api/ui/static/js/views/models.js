// @ts-check
/** One quiet line about the models that serve. */
/** @import {ModelSummary} from "../types.js" */
import { byId, setText } from "../dom.js";

export function createModelsLine() {
  const root = byId("models-status");
  const text = byId("models-text");

  return {
    /** @param {ModelSummary | null} models null where the API did not say */
    render(models) {
      if (!models) {
        root.dataset.state = "unknown";
        setText(text, "It is unknown which models serve.");
        return;
      }
      const { serving, slots } = models;
      root.dataset.state = serving === 0 ? "none" : serving < slots ? "some" : "all";
      setText(text, serving === 0 ? "No model serves yet: the bots guess." : `${serving} of ${slots} models serving`);
    },
  };
}

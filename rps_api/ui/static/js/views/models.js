/** One line about the served models. */
/** @import {ModelSummary} from "../../../types/page.js" */
import { byId, setText } from "../dom.js";

export function createModelsLine() {
  const root = byId("models-status");
  const text = byId("models-text");

  return {
    /** @param {ModelSummary | null} models null if unknown */
    render(models) {
      if (!models) {
        root.dataset.state = "unknown";
        setText(text, "The server does not report its models.");
        return;
      }
      const { serving, slots } = models;
      root.dataset.state = serving === 0 ? "none" : serving < slots ? "some" : "all";
      setText(text, serving === 0 ? "No models yet. The bots guess." : `${serving} of ${slots} models serving`);
    },
  };
}

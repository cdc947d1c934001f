// @ts-check
import { createSettings } from "../views/settings.js";

createSettings();

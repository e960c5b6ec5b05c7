// ONNX's own tests of operators (Debian's libonnx-testdata), at ONNX's own tolerances. Every one passes, but for those that need
// what the list below says; a test of the list that passes is an error too, so that the list stays true.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  hasNodeTests,
  nodeTestFolder,
  nodeTests,
  operatorsOf,
  runNodeTest,
} from "../../testing/onnx/node-cases.ts";
import { openDevice, type Device } from "../index.ts";

/** What isn't supported, by the names of tests. */
const unsupported: readonly (readonly [names: RegExp, why: string])[] = [
  [/STRING|^test_strnormalizer/, "tensors of strings"],
  [
    /^test_sequence_|_seq$|^test_identity_sequence|^test_loop16_seq_none|^test_loop13_seq/,
    "sequences of tensors",
  ],
  [/optional|_opt$/, "optional values"],
  [/^test_training_dropout(?!.*zero)/, "training"],
  [/^test_(adam|adagrad|momentum|nesterov_momentum)/, "training"],
  [/^test_(bernoulli)/, "random numbers"],
  [/^test_scan_sum$/, "Scan of version 8"],
  [/^test_cast_FLOAT_to_BFLOAT16$/, "rounding toward zero: they expect bf16 cut off, not rounded"],
  [/^test_castlike_.*BFLOAT16/, "an input of another shape than the model declares"],
];

const reason = (name: string): string | undefined => unsupported.find(([names]) => names.test(name))?.[1];

// Reported by name and reason; where tests are counted, what `scripts/system.sh` installs must be there.
const here = hasNodeTests();
describe.skipIf(!here)(`ONNX’s operator tests${here ? "" : ` (skipped: no ${nodeTestFolder})`}`, () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice("wasm");
  });
  afterAll(() => device.close());

  const byOperator = new Map<string, string[]>();
  for (const name of here ? nodeTests() : []) {
    const operator = operatorsOf(name)[0] ?? "none";
    byOperator.set(operator, [...(byOperator.get(operator) ?? []), name]);
  }
  for (const [operator, names] of [...byOperator].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    test(`${operator}: ${names.length}`, { timeout: 300_000 }, async () => {
      const wrong: string[] = [];
      for (const name of names) {
        const why = reason(name);
        const trouble = await runNodeTest(name, device);
        if (why === undefined && trouble !== undefined) wrong.push(`${name}: ${trouble}`);
        if (why !== undefined && trouble === undefined)
          wrong.push(`${name} passes, and is listed as needing ${why}`);
      }
      expect(wrong).toEqual([]);
    });
});

// A small residual network as one program, with all the layers that ResNet-50 has: every tensor that the host reads is the
// interpreter's, bit for bit, and the cycles are those that the checks predict.

import { expect, test } from "vitest";
import { interpreted, resnet } from "../../../../../testing/networks/resnet.ts";
import { checkProgram } from "../../assemble/index.ts";
import { groqchipCal } from "../../machine/profile.ts";
import { simulate } from "../../simulate/index.ts";
import { lowerNetwork } from "./network.ts";

test("a residual network of 15 calls is one program", async () => {
  const network = await resnet({ image: 24, stem: 16, blocks: [2, 1], widths: [16, 88], classes: 10 });
  const expected = interpreted(network);
  const outputs = [network.output, "conv2.2.c", "mean"];
  const lowered = lowerNetwork(network.calls, outputs, groqchipCal);
  if ("why" in lowered) throw new Error(lowered.why);
  const checked = checkProgram(lowered.program);
  expect(checked.faults.slice(0, 3)).toEqual([]);
  const inputs = lowered.inputs((name) => network.given.get(name)!);
  const simulated = simulate(lowered.program, { inputs });
  expect(simulated.faults.slice(0, 3)).toEqual([]);
  expect([simulated.cycles, simulated.issued]).toEqual([checked.cycles, checked.issued]);
  const results = lowered.results(simulated.output);
  for (const name of outputs) expect([...results.get(name)!], name).toEqual(Array.from(expected.get(name)!));
  // A number that says nothing everywhere would agree with anything.
  expect(new Set(results.get("conv2.2.c")).size).toBeGreaterThan(60);
  expect(lowered.reports.map(({ name }) => name)).toEqual(network.calls.map(({ name }) => name));
});

// Whether results are right, before anything is timed: against f64 arithmetic at many places, and every element against
// Kern's, so that nobody leaves part of the work undone.

import { randomWords } from "../../runtime/random.ts";
import { elements, type Dense, type Inputs, type Workload } from "./workload.ts";

const places = 1500;

/** The first thing that is wrong with a result, or undefined. */
export function mistakeIn(
  result: Dense,
  workload: Workload,
  inputs: Inputs,
  against?: Dense,
): string | undefined {
  const { output, tolerance } = workload;
  const count = elements(output.shape);
  if (result.data.length !== count)
    return `the result has ${result.data.length} elements (${result.shape.join("×")}) instead of ${count}`;
  const reference = workload.reference(inputs);
  const near = (value: number, right: number, slack: number) =>
    Math.abs(value - right) <= slack * (tolerance.absolute + tolerance.relative * Math.abs(right));
  for (const at of sampledPlaces(count)) {
    const [value, right] = [Number(result.data[at]), reference(at)];
    if (!near(value, right, 1)) return `element ${at} is ${value} instead of ${right}`;
  }
  if (!against) return undefined;
  for (let at = 0; at < count; at++) {
    const [value, right] = [Number(result.data[at]), Number(against.data[at])];
    // Either may err by the tolerance.
    if (!near(value, right, 2)) return `element ${at} is ${value}, Kern’s is ${right}`;
  }
  return undefined;
}

/** The first and last elements, and random ones between. */
function sampledPlaces(count: number): number[] {
  if (count <= places) return Array.from({ length: count }, (_, at) => at);
  const word = randomWords(7);
  const edges = Array.from({ length: 64 }, (_, at) => [at, count - 1 - at]).flat();
  return [...edges, ...Array.from({ length: places - edges.length }, () => word() % count)];
}

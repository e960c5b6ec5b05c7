// Attention that exporters write out as two products around a softmax. The keys are turned before the first product, by a node of
// their own that stays; where that is a transposition, it and the one back become one view of the keys.

import { any, either, number, op, type Pattern } from "./pattern.ts";
import type { Match, Rewrite } from "./rewrite.ts";

const scores = op("MatMul", [any("q"), any("turned")]);
const scaled: Pattern = either(
  op("Mul", [scores, number("factor")]),
  op("Div", [scores, number("divisor")]),
  scores,
);
const masked: Pattern = either(op("Add", [scaled, any("mask")]), scaled);

/** Stacks of matrices of the same sizes, of floats. */
function fits(match: Match): boolean {
  const [q, turned, v] = [match.value("q"), match.value("turned"), match.value("v")];
  const rank = q.shape.length;
  const lead = (shape: readonly number[]) => shape.slice(0, -2).join();
  if (rank < 2 || rank > 4 || turned.shape.length !== rank || v.shape.length !== rank) return false;
  if (lead(q.shape) !== lead(turned.shape) || lead(q.shape) !== lead(v.shape)) return false;
  if (q.dtype !== "f32" || q.shape.some((dim) => dim === 0)) return false;
  // The mask must not make the scores larger.
  if (match.has("mask")) {
    const full = [...q.shape.slice(0, -1), turned.shape.at(-1)!];
    const { shape } = match.value("mask");
    const own = full.slice(full.length - shape.length);
    if (shape.length > rank || shape.some((dim, at) => dim !== 1 && dim !== own[at])) return false;
  }
  const softmax = match.node("softmax")!;
  const axis = softmax.attributes["axis"] ?? (match.version >= 13 ? -1 : 1);
  return axis === -1 || axis === rank - 1;
}

export const attentionRewrites: readonly Rewrite[] = [
  {
    name: "attention",
    pattern: op("MatMul", [op("Softmax", [masked], { as: "softmax" }), any("v")]),
    replace: (match) => {
      if (!fits(match)) return undefined;
      const scale = match.number("factor") ?? 1 / (match.number("divisor") ?? 1);
      const inputs = ["q", "turned", "v", "mask"].map((name) => match.name(name));
      return { op: "kern.graph::Attention", inputs, attributes: { scale } };
    },
  },
];

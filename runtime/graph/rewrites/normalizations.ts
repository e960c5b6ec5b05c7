// Normalizations and softmax that exporters write out as reductions and arithmetic. Scale and shift stay nodes of their own: as maps
// they become the epilogue of the kernel that normalizes.

import { any, either, maybe, number, op, type Pattern } from "./pattern.ts";
import type { Draft, Match, Rewrite } from "./rewrite.ts";

const x = any("x");
const squared = (of: Pattern): Pattern => either(op("Pow", [of, number(2)]), op("Mul", [of, of]));
const mean = op("ReduceMean", [x, maybe("axes")], { as: "mean" });
const centered = op("Sub", [x, mean]);
const variance = op("ReduceMean", [squared(centered), maybe("axes again")], { as: "variance" });
const power = op("ReduceMean", [squared(x), maybe("axes")], { as: "mean" });
const deviation = (of: Pattern): Pattern => op("Sqrt", [op("Add", [of, number("epsilon")])]);

/** 1 / of */
const inverse = (of: Pattern): Pattern =>
  either(op("Reciprocal", [of]), op("Div", [number(1), of]), op("Pow", [of, number(-1)]));
const quotient = (a: Pattern, b: Pattern): Pattern => either(op("Div", [a, b]), op("Mul", [a, inverse(b)]));

/** Rows over the axes that the reductions go over. */
function rows(
  match: Match,
  what: string,
  reductions: readonly string[],
  outputs?: string[],
): Draft | undefined {
  const axis = match.trailingFrom(reductions, match.value("x").shape.length);
  if (axis === undefined) return undefined;
  const attributes = { axis, epsilon: match.number("epsilon")! };
  return { op: `kern.graph::${what}`, inputs: [match.name("x")], outputs, attributes };
}

// As TensorFlow writes it: x s + (beta - mean s) with s = gamma / deviation.
const slope = op("Mul", [inverse(deviation(variance)), any("gamma")]);

export const normalizationRewrites: readonly Rewrite[] = [
  {
    name: "layer norm",
    pattern: quotient(centered, deviation(variance)),
    replace: (match) => rows(match, "StandardRows", ["mean", "variance"]),
  },
  {
    name: "layer norm",
    pattern: op("Add", [op("Mul", [x, slope]), op("Sub", [any("beta"), op("Mul", [mean, slope])])]),
    replace: (match) => {
      const [normal, scaled] = [match.inner("normal"), match.inner("scaled")];
      const made = rows(match, "StandardRows", ["mean", "variance"], [normal]);
      return (
        made && [
          made,
          { op: "Mul", inputs: [normal, match.name("gamma")], outputs: [scaled] },
          { op: "Add", inputs: [scaled, match.name("beta")] },
        ]
      );
    },
  },
  {
    name: "RMS norm",
    pattern: quotient(x, deviation(power)),
    replace: (match) => rows(match, "UnitRows", ["mean"]),
  },
  {
    name: "softmax",
    pattern: ((): Pattern => {
      const exponential = op("Exp", [
        either(op("Sub", [x, op("ReduceMax", [x, maybe("axes")], { as: "peak" })]), x),
      ]);
      return quotient(exponential, op("ReduceSum", [exponential, maybe("axes again")], { as: "total" }));
    })(),
    replace: (match) => {
      const axes = match.axesOf("total");
      if (axes?.length !== 1) return undefined;
      if (match.node("peak") && match.axesOf("peak")?.join() !== axes.join()) return undefined;
      return { op: "Softmax", inputs: [match.name("x")], attributes: { axis: axes[0]! }, version: 13 };
    },
  },
];

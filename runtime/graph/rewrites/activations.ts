// Activations that exporters write out as arithmetic.

import { any, either, number, op, product3, type Pattern } from "./pattern.ts";
import { isFloating } from "../builder.ts";
import type { Match, Rewrite } from "./rewrite.ts";

const x = any("x");
const mul = (a: Pattern, b: Pattern) => op("Mul", [a, b]);
const square = either(mul(x, x), op("Pow", [x, number(2)]));

/** x / 2 (1 + erf(x / √2)) */
const erf = op("Erf", [either(op("Div", [x, number(Math.SQRT2)]), mul(x, number(Math.SQRT1_2)))]);

const cubic = either(
  mul(op("Pow", [x, number(3)]), number(0.044715)),
  mul(number(0.044715), mul(x, square)),
  mul(mul(number(0.044715), x), square),
  mul(mul(mul(number(0.044715), x), x), x),
  mul(mul(number(0.044715), square), x),
);
const slope = number(Math.sqrt(2 / Math.PI));
const inner = either(
  mul(slope, op("Add", [x, cubic])),
  mul(mul(x, slope), op("Add", [number(1), mul(number(0.044715), square)])),
);

const halfOf = (share: Pattern): Pattern => {
  const raised = op("Add", [share, number(1)]);
  return either(product3(x, number(0.5), raised), mul(op("Div", [x, number(2)]), raised));
};

/** A number between 0 and 6, by inputs of Clip or, in old models, by its attributes. */
const raised = op("Add", [x, number(3)]);
const upToSix = either(op("Clip", [raised, number(0), number(6)]), op("Clip", [raised], { as: "clip" }));

function isUpToSix(match: Match): boolean {
  const clip = match.node("clip");
  return !clip || (clip.attributes["min"] === 0 && clip.attributes["max"] === 6);
}

export const activationRewrites: readonly Rewrite[] = [
  {
    name: "GELU",
    pattern: halfOf(erf),
    replace: (match) => ({ op: "com.microsoft::Gelu", inputs: [match.name("x")] }),
  },
  {
    name: "GELU by tanh",
    pattern: halfOf(op("Tanh", [inner])),
    replace: (match) => ({ op: "com.microsoft::FastGelu", inputs: [match.name("x")] }),
  },
  {
    name: "SiLU",
    pattern: mul(x, op("Sigmoid", [x])),
    replace: (match) => ({ op: "Swish", inputs: [match.name("x")], version: 24 }),
  },
  {
    name: "quick GELU",
    pattern: mul(x, op("Sigmoid", [mul(x, number("alpha"))])),
    replace: (match) => ({
      op: "com.microsoft::QuickGelu",
      inputs: [match.name("x")],
      attributes: { alpha: match.number("alpha")! },
    }),
  },
  {
    name: "hard Swish",
    pattern: either(
      op("Div", [mul(x, upToSix), number(6)]),
      mul(x, op("Div", [upToSix, number(6)])),
      product3(x, upToSix, number(1 / 6)),
    ),
    replace: (match) =>
      isUpToSix(match) && isFloating(match.value("x").dtype)
        ? { op: "HardSwish", inputs: [match.name("x")], version: 14 }
        : undefined,
  },
  {
    name: "Mish",
    pattern: mul(x, op("Tanh", [op("Softplus", [x])])),
    replace: (match) => ({ op: "Mish", inputs: [match.name("x")], version: 18 }),
  },
];

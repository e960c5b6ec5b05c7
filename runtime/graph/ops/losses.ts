// Losses, as they occur in models that were exported with their training's last node.

import { sizeOf } from "../../tensor/layout.ts";
import type { Value } from "../program.ts";
import { alongLast, onRows } from "./normalization.ts";
import { reduce } from "./reduction.ts";
import type { Build, NodeContext, OpRow } from "./node.ts";

/** -w[t] x[n, t] of the class t that is right; nothing for the class that is ignored. */
function negativeLogLikelihood(node: NodeContext, x: Value, target: Value, weight: Value | undefined): Value {
  const { b } = node;
  const { dtype } = x;
  const [batch, classes] = x.shape as [number, number];
  const rest = sizeOf(x.shape.slice(2));
  const ignored = node.node.attributes["ignore_index"];
  const skip = typeof ignored === "number" ? `t == i64(${ignored})` : "False";
  const [loss, used] = b.kernel(
    {
      name: "likelihood",
      inputs: [
        { name: "x", dims: ["N", "C", "D"] },
        { name: "target", dims: ["N", "D"] },
        ...(weight ? [{ name: "weight", dims: ["C"] }] : []),
      ],
      outputs: [
        { name: "loss", dims: ["N", "D"] },
        { name: "used", dims: ["N", "D"] },
      ],
      scalars: [],
      where: "C >= 1",
      body: [
        "@parallel",
        "for n, d in grid(N, D):",
        "    let t = i64(target[n, d])",
        `    let skip = ${skip}`,
        '    assert skip or i64(0) <= t and t < i64(C), "a class is out of range"',
        "    let at = 0 if skip else clamp(index(t), 0, C - 1)",
        `    let w = ${dtype}(0) if skip else ${weight ? "weight[at]" : `${dtype}(1)`}`,
        "    loss[n, d] = -x[n, at, d] * w",
        "    used[n, d] = w",
      ],
    },
    [b.reshape(x, [batch, classes, rest]), b.reshape(target, [batch, rest]), ...(weight ? [weight] : [])],
    [
      { dtype, shape: [batch, rest] },
      { dtype, shape: [batch, rest] },
    ],
  );
  const shape = [batch, ...x.shape.slice(2)];
  const reduction = node.text("reduction", "mean");
  if (reduction === "none") return b.reshape(loss!, shape);
  const total = (value: Value) =>
    reduce(node, value, { reduced: [true, true], shape: [] }, { combine: "sum" });
  return reduction === "sum" ? total(loss!) : b.map("$0 / $1", [total(loss!), total(used!)]);
}

const nll: Build = (node) => negativeLogLikelihood(node, node.in(0), node.in(1), node.inputs[2]);

const crossEntropy: Build = (node) => {
  const scores = node.in(0);
  const logs = alongLast(node, scores, 1, (rows) => onRows(node, rows, "log_softmax"));
  return [negativeLogLikelihood(node, logs, node.in(1), node.inputs[2]), logs];
};

export const losses: readonly OpRow[] = [
  { op: "NegativeLogLikelihoodLoss", since: 12, build: nll },
  { op: "SoftmaxCrossEntropyLoss", since: 12, build: crossEntropy },
];

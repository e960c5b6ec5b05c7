// What `kernc onnx inspect` shows: a model's face, and what became of it for given inputs.

import { dtypeInfo } from "../../lang/dtypes.ts";
import { Tensor } from "../../runtime/tensor/tensor.ts";
import type { Way } from "../../runtime/graph/builder.ts";
import { opName, subgraphs, type Graph } from "../../runtime/graph/graph.ts";
import { portText, type Model } from "../../runtime/onnx/model.ts";
import { sizeText } from "./quantizing/report.ts";
import type { Colors } from "./terminal.ts";

/** The whole report; with inputs, of a run on them too. */
export async function inspection(
  model: Model,
  inputs: Record<string, Tensor> | undefined,
  colors: Colors,
): Promise<string> {
  const { graph } = model;
  const lines = [
    ...model.inputs.map((port) => `${colors.bold("in")}   ${port.name}: ${portText(port).replace("a ", "")}`),
    ...model.outputs.map(
      (port) => `${colors.bold("out")}  ${port.name}: ${portText(port).replace("a ", "")}`,
    ),
    "",
    `${graph.nodes.length} nodes${insideText(graph)}, operators of version ${graph.opsets.get("") ?? "?"}`,
    ...columns(countsOf(graph)),
    "",
    weightLine(graph),
  ];
  if (inputs) lines.push("", ...(await runLines(model, inputs)));
  return `${lines.join("\n")}\n`;
}

function insideText(graph: Graph): string {
  const inside = graphsInside(graph);
  const count = inside.reduce((sum, { nodes }) => sum + nodes.length, 0);
  return inside.length === 0 ? "" : ` and ${count} in ${inside.length} graphs inside them`;
}

function countsOf(graph: Graph): [string, number][] {
  const counts = new Map<string, number>();
  for (const { nodes } of [graph, ...graphsInside(graph)])
    for (const node of nodes) counts.set(opName(node), (counts.get(opName(node)) ?? 0) + 1);
  return [...counts].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}

function columns(counts: readonly [string, number][]): string[] {
  const width = Math.max(0, ...counts.map(([name]) => name.length));
  return counts.map(([name, count]) => `  ${name.padEnd(width)}  ${String(count).padStart(4)}`);
}

/** Constants of the graph and of those inside it, as their own or as nodes. */
function weightLine(graph: Graph): string {
  const all = [graph, ...graphsInside(graph)].flatMap(({ constants, nodes }) => [
    ...constants.values(),
    ...nodes.flatMap(({ domain, op, attributes: { value } }) =>
      domain === "" && op === "Constant" && value instanceof Tensor ? [value] : [],
    ),
  ]);
  const bytes = all.reduce((sum, { size, dtype }) => sum + (size * dtypeInfo(dtype).bits) / 8, 0);
  return `${all.length} weights, ${sizeText(bytes)}`;
}

/** Branches and bodies of loops, and those inside them. */
function graphsInside({ nodes }: Graph): Graph[] {
  return nodes.flatMap(subgraphs).flatMap((graph) => [graph, ...graphsInside(graph)]);
}

async function runLines(model: Model, inputs: Record<string, Tensor>): Promise<string[]> {
  await model.run(inputs);
  const { nodes, launches, kernels, rewrites, arena, intermediates, weights, ways, left, loops } =
    await model.statistics();
  const share = intermediates === 0 ? 0 : (100 * arena) / intermediates;
  return [
    `${launches} ${launches === 1 ? "kernel is" : "kernels are"} launched for ${nodes} ${nodes === 1 ? "node that computes" : "nodes that compute"}, ${kernels} different`,
    ...Object.entries(rewrites).map(([name, count]) => `  recognised: ${name} × ${count}`),
    `${sizeText(arena)} for intermediates, ${share.toFixed(0)} % of their sum`,
    `${sizeText(weights)} of weights on the device`,
    ...wayLines(model.graph, ways),
    ...[...loops].map(([name, { runs, launches: inside, copies }]) => {
      const turns = `${runs} ${runs === 1 ? "turn" : "turns"}`;
      return `loop ${name}: ${turns}, ${inside} launched in all, ${copies} tensors copied between the host and devices`;
    }),
    ...[...left].map(([name, why]) => `${name}: ${why}`),
  ];
}

const wayTexts: Readonly<Record<Way, string>> = {
  integers: "run on integers",
  "4-bit weights": "run on weights of four bits",
  nothing: "cost nothing: what they would quantize is there",
};

/** How many nodes are carried out in another way than their operators say, by operator. */
function wayLines({ nodes }: Graph, ways: ReadonlyMap<string, Way>): string[] {
  return (Object.keys(wayTexts) as Way[]).flatMap((how) => {
    const counts = new Map<string, number>();
    for (const node of nodes)
      if (ways.get(node.name) === how) counts.set(opName(node), (counts.get(opName(node)) ?? 0) + 1);
    if (counts.size === 0) return [];
    const text = [...counts].map(([op, count]) => `${op} × ${count}`).join(", ");
    return [`${text} ${wayTexts[how]}`];
  });
}

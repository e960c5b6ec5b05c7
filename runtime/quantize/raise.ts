// A model of older operators as one of version 11, which has those that quantize: what changed between was mostly that attributes became
// inputs. A model with operators that changed more is left as it is.

import type { NodeProto } from "onnx-buf";
import { normalDomain } from "../onnx/import.ts";
import { tensor, type Tensor } from "../tensor/tensor.ts";
import { floatOf, type ModelEdit } from "./edit.ts";

/** The version that models are raised to. */
const target = 11;

/** Operators that mean something else since 10 or 11, or whose inputs depend on more than attributes. */
const changed: ReadonlySet<string> = new Set(["Upsample", "Resize", "TopK", "Scan", "Loop", "If", "Scatter"]);

/** Attributes that became inputs: by operator, the first input that they are. */
const moved: Readonly<Record<string, readonly ((node: NodeProto) => Tensor | undefined)[]>> = {
  Clip: [
    (node) => tensor(Float32Array.of(floatOf(node, "min", -3.4028234663852886e38)), []),
    (node) => tensor(Float32Array.of(floatOf(node, "max", 3.4028234663852886e38)), []),
  ],
  Slice: [
    (node) => integers(node, "starts"),
    (node) => integers(node, "ends"),
    (node) => integers(node, "axes"),
  ],
  Pad: [(node) => integers(node, "pads"), (node) => tensor(Float32Array.of(floatOf(node, "value", 0)), [])],
};

function integers({ attribute }: NodeProto, name: string): Tensor | undefined {
  const found = attribute.find((each) => each.name === name);
  return found && tensor(BigInt64Array.from(found.ints), [found.ints.length]);
}

/** Raises the model's own operators to version 11 where they are older and that is safe. */
export function raise(edit: ModelEdit): void {
  const { version, graph } = edit;
  if (version >= target || version < 7 || graph.node.some(({ opType }) => changed.has(opType))) return;
  for (const node of graph.node) {
    const inputs = node.domain === "" ? moved[node.opType] : undefined;
    // Slice has inputs since version 10.
    if (!inputs || (node.opType === "Slice" && version >= 10)) continue;
    const given = inputs.map((of) => of(node));
    const names = given.map((value, at) =>
      value ? edit.weight(`${node.output[0]}_${node.opType}_${at}`, value) : "",
    );
    node.input.push(...names.slice(0, given.findLastIndex((value) => value !== undefined) + 1));
    const kept = node.opType === "Pad" ? ["mode"] : [];
    node.attribute = node.attribute.filter(({ name }) => kept.includes(name));
  }
  for (const each of edit.model.opsetImport)
    if (normalDomain(each.domain) === "") each.version = BigInt(target);
}

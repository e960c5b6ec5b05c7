// ONNX's own backend tests, as Debian's package libonnx-testdata ships them: a folder a test, a model of a node or two in it,
// inputs and expected outputs as messages.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, TensorProtoSchema } from "onnx-buf";
import { loadModel, type Model } from "../../runtime/onnx/index.ts";
import { tensorOf } from "../../runtime/onnx/tensors.ts";
import type { GraphPort } from "../../runtime/graph/graph.ts";
import { Tensor, valuesOf, type Device } from "../../runtime/index.ts";

/** Where the package puts them, or where an environment variable says that it was unpacked. */
export const nodeTestFolder = process.env["KERN_ONNX_TESTDATA"] ?? "/usr/share/libonnx-testdata/data/node";

export const hasNodeTests = (): boolean => existsSync(nodeTestFolder);

/** Names of all tests, sorted. */
export function nodeTests(): string[] {
  return readdirSync(nodeTestFolder)
    .filter((name) => existsSync(join(nodeTestFolder, name, "model.onnx")))
    .toSorted();
}

/** Operators of a test's model. */
export function operatorsOf(name: string): string[] {
  const model = fromBinary(ModelProtoSchema, readFileSync(join(nodeTestFolder, name, "model.onnx")));
  return [...new Set(model.graph?.node.map(({ opType }) => opType) ?? [])];
}

function readTensors(folder: string, kind: "input" | "output"): Tensor[] {
  const tensors: Tensor[] = [];
  for (let n = 0; existsSync(join(folder, `${kind}_${n}.pb`)); n++)
    tensors.push(tensorOf(fromBinary(TensorProtoSchema, readFileSync(join(folder, `${kind}_${n}.pb`))), {}));
  return tensors;
}

/** Runs a test on a device; undefined if it passes, else what went wrong. */
export async function runNodeTest(name: string, device: Device): Promise<string | undefined> {
  const folder = join(nodeTestFolder, name);
  let model: Model;
  try {
    model = await loadModel(readFileSync(join(folder, "model.onnx")), { device });
    for (const set of readdirSync(folder).filter((each) => each.startsWith("test_data_set"))) {
      const inputs = readTensors(join(folder, set), "input");
      const expected = readTensors(join(folder, set), "output");
      const ports = model.graph.inputs;
      const given = inputs.map((tensor, at) => [ports[at]!.name, asDeclared(tensor, ports[at]!)] as const);
      const results = await model.run(Object.fromEntries(given));
      for (const [at, stored] of expected.entries()) {
        const want = asDeclared(stored, model.outputs[at]!);
        const wrong = await difference(results[model.outputs[at]!.name]!, want);
        if (wrong !== undefined) return `output ${at}: ${wrong}`;
      }
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return undefined;
}

/** The tests' files hold bf16 as 16-bit integers, since NumPy has no such type. */
function asDeclared(tensor: Tensor, { dtype }: GraphPort): Tensor {
  return dtype === "bf16" && tensor.dtype === "u16" ? new Tensor(tensor.storage, "bf16", tensor) : tensor;
}

/** As ONNX's own runner compares: |a - b| <= 1e-7 + 1e-3 |b|, and integers equal. */
export async function difference(given: Tensor, want: Tensor): Promise<string | undefined> {
  if (given.dtype !== want.dtype) return `${given.dtype} instead of ${want.dtype}`;
  if (given.shape.join() !== want.shape.join())
    return `shape [${given.shape.join(", ")}] instead of [${want.shape.join(", ")}]`;
  const [a, b] = [await valuesOf(given), await valuesOf(want)];
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [Number(a[at]), Number(b[at])];
    if (Object.is(x, y) || x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    if (Math.abs(x - y) <= 1e-7 + 1e-3 * Math.abs(y)) continue;
    return `element ${at} is ${x} instead of ${y}`;
  }
  return undefined;
}

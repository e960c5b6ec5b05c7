// How many of ONNX's own operator tests pass here and in onnxruntime-web, on the same files, inputs and tolerances, one after the other in
// one process. Prints both counts, and the tests that only one of them passes; exit code 1 if it passes more of them.
// usage: node scripts/bench.mjs testing/bench/onnx-node-tests.ts [PART OF NAMES]

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { TensorProto_DataType, TensorProtoSchema } from "onnx-buf";
import * as ort from "onnxruntime-web";
import { arrayClass } from "../../runtime/tensor/storage.ts";
import { openDevice, tensor } from "../../runtime/index.ts";
import { tensorOf } from "../../runtime/onnx/tensors.ts";
import { dtypeOfOrt, ortType } from "../../runtime/ort/types.ts";
import { difference, hasNodeTests, nodeTestFolder, nodeTests, runNodeTest } from "../onnx/node-cases.ts";

/** Tensors of a test, in order. */
async function ortTensors(folder: string, kind: "input" | "output"): Promise<ort.Tensor[]> {
  const tensors: ort.Tensor[] = [];
  for (let n = 0; existsSync(join(folder, `${kind}_${n}.pb`)); n++) {
    const proto = fromBinary(TensorProtoSchema, readFileSync(join(folder, `${kind}_${n}.pb`)));
    const dims = proto.dims.map(Number);
    if (proto.dataType === (TensorProto_DataType.STRING as number)) {
      const words = proto.stringData.map((each) => new TextDecoder().decode(each));
      tensors.push(new ort.Tensor("string", words, dims));
      continue;
    }
    const given = tensorOf(proto, {});
    const type = ortType(given.dtype);
    if (!type) throw new Error(`onnxruntime-web takes no ${given.dtype}`);
    tensors.push(new ort.Tensor(type, (await given.data()) as never, dims));
  }
  return tensors;
}

async function ortDifference(given: ort.Tensor, want: ort.Tensor): Promise<string | undefined> {
  if (given.type !== want.type) return `${given.type} instead of ${want.type}`;
  if (want.type === "string")
    return String(given.data) === String(want.data) && String(given.dims) === String(want.dims)
      ? undefined
      : "other words";
  const ours = ({ type, data, dims }: ort.Tensor) => {
    const dtype = dtypeOfOrt(type)!;
    const { buffer, byteOffset, length } = data as Float32Array;
    return tensor(new (arrayClass(dtype))(buffer, byteOffset, length), dims, dtype);
  };
  return difference(ours(given), ours(want));
}

/** Undefined if onnxruntime-web passes a test, else what went wrong. */
async function runInOrt(name: string): Promise<string | undefined> {
  const folder = join(nodeTestFolder, name);
  let session: ort.InferenceSession | undefined;
  try {
    session = await ort.InferenceSession.create(readFileSync(join(folder, "model.onnx")), {
      executionProviders: ["wasm"],
      logSeverityLevel: 4,
    });
    for (const set of readdirSync(folder).filter((each) => each.startsWith("test_data_set"))) {
      const inputs = await ortTensors(join(folder, set), "input");
      const expected = await ortTensors(join(folder, set), "output");
      const names = session.inputNames;
      const results = await session.run(Object.fromEntries(inputs.map((each, at) => [names[at]!, each])));
      for (const [at, want] of expected.entries()) {
        const wrong = await ortDifference(results[session.outputNames[at]!]!, want);
        if (wrong !== undefined) return `output ${at}: ${wrong}`;
      }
    }
    return undefined;
  } catch (error) {
    return String(error instanceof Error ? error.message : error).split("\n")[0];
  } finally {
    await session?.release();
  }
}

async function main(): Promise<void> {
  if (!hasNodeTests()) throw new Error(`there are no tests in ${nodeTestFolder}`);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
  const names = nodeTests().filter((name) => name.includes(process.argv[3] ?? ""));
  const theirs = new Map<string, string | undefined>();
  for (const name of names) theirs.set(name, await runInOrt(name));
  const device = await openDevice("wasm");
  const ours = new Map<string, string | undefined>();
  for (const [at, name] of names.entries()) {
    ours.set(name, await runNodeTest(name, device));
    if (at % 100 === 99) console.error(`${at + 1} of ${names.length}`);
  }
  device.close();
  const passed = (results: ReadonlyMap<string, string | undefined>) =>
    names.filter((name) => results.get(name) === undefined);
  const [here, there] = [passed(ours), passed(theirs)];
  const say = (title: string, only: readonly string[], other: ReadonlyMap<string, string | undefined>) => {
    console.log(`\n${only.length} ${title}`);
    for (const name of only) console.log(`  ${name}: ${other.get(name)!.slice(0, 140)}`);
  };
  say(
    "pass in onnxruntime-web alone",
    there.filter((name) => ours.get(name) !== undefined),
    ours,
  );
  say(
    "pass here alone",
    here.filter((name) => theirs.get(name) !== undefined),
    theirs,
  );
  console.log(`\nof ${names.length} tests: ${here.length} pass here, ${there.length} in onnxruntime-web`);
  process.exitCode = here.length >= there.length ? 0 : 1;
}

await main();

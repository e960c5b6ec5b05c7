// onnxruntime-web, on one thread. `run()` copies tensors in and out, which isn't the kernel's time: so the work stands
// in the graph several times, on initializers, and an empty graph's time is subtracted. No optimizer may remove the copies
// or fold the constants; operators still pack their constant operands when the session is made.

import type * as OrtModule from "onnxruntime-web";
import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { Dense, Inputs, Numbers, OnnxTask } from "../workload.ts";
import { NotHere, type Contestant } from "./contestant.ts";
import { onnxModel, type OnnxNode } from "./onnx-model.ts";

type Ort = typeof OrtModule;

let loaded: Promise<Ort> | undefined;

async function load(): Promise<Ort> {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
}

async function session(model: Uint8Array): Promise<InferenceSession> {
  loaded ??= load();
  const ort = await loaded;
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "disabled",
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new NotHere(error instanceof Error ? error.message.split("\n")[0]! : String(error));
  }
}

/** What every graph gives back: a single number, so that copying results costs nothing. */
const token: OnnxNode = {
  op: "Identity",
  inputs: ["one"],
  output: "token",
  constants: { one: { dtype: "f32", shape: [1], data: new Float32Array([1]) } },
};

/** Long enough that the subtraction of the empty graph doesn't matter. */
const wantedTime = 2;

export async function onnxContestant(task: OnnxTask, given: Inputs): Promise<Contestant> {
  const initializers = task.inputs ? task.inputs(given) : given;
  const graph = (copies: number) =>
    onnxModel({
      nodes: [...Array.from({ length: copies }, (_, copy) => copyOf(task.nodes, copy)).flat(), token],
      initializers,
      outputs: ["token"],
    });
  const [empty, once] = [
    await session(onnxModel({ nodes: [token], initializers: {}, outputs: ["token"] })),
    await session(graph(1)),
  ];
  const copies = await copiesFor(once);
  const work = copies === 1 ? once : await session(graph(copies));
  if (work !== once) await once.release();
  return {
    who: "onnxruntime-web",
    copies,
    async run(times) {
      for (let n = 0; n < times; n++) await work.run({});
    },
    async overhead() {
      await empty.run({});
    },
    async result() {
      const whole = await session(onnxModel({ nodes: task.nodes, initializers, outputs: [task.result] }));
      const { [task.result]: result } = await whole.run({});
      const found = dense(result!);
      await whole.release();
      return task.canonical ? task.canonical(found) : found;
    },
    async close() {
      await Promise.all([empty.release(), work.release()]);
    },
  };
}

async function copiesFor(once: InferenceSession): Promise<number> {
  const times: number[] = [];
  for (let spent = 0; times.length < 3 || (spent < 100 && times.length < 50); spent += times.at(-1)!) {
    const start = performance.now();
    await once.run({});
    times.push(performance.now() - start);
  }
  const best = Math.min(...times);
  return Math.min(Math.max(Math.ceil(wantedTime / best), 1), 200);
}

/** The nodes with results of their own. */
function copyOf(nodes: readonly OnnxNode[], copy: number): OnnxNode[] {
  const results = new Set(nodes.map(({ output }) => output));
  const renamed = (name: string) => (results.has(name) ? `${name}#${copy}` : name);
  return nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(renamed),
    output: renamed(node.output),
  }));
}

function dense({ type, dims, data }: Tensor): Dense {
  const dtype = ({ float32: "f32", int32: "i32", uint8: "u8", int8: "i8" } as const)[type as string];
  if (!dtype) throw new Error(`onnxruntime-web gave a ${type}`);
  return { dtype, shape: dims, data: (data as Numbers).slice() };
}

// TensorFlow.js with its WASM backend, on one thread: kernels run at once when called, on tensors that are kept.

import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import type * as TfWasm from "@tensorflow/tfjs-backend-wasm";
import type * as TfModule from "@tensorflow/tfjs-core";
import type { Tensor as TfTensor } from "@tensorflow/tfjs-core";
import type { Dense, Inputs, Numbers, TfjsTask } from "../workload.ts";
import { NotHere, type Contestant } from "./contestant.ts";

export type Tf = typeof TfModule;
export type { TfTensor };

let loaded: Promise<Tf> | undefined;

async function load(): Promise<Tf> {
  // The packages' entries for Node are CommonJS.
  const require = createRequire(import.meta.url);
  const tf = require("@tensorflow/tfjs-core") as Tf;
  const backend = require("@tensorflow/tfjs-backend-wasm") as typeof TfWasm;
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  backend.setWasmPaths(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")) + sep);
  if (!(await tf.setBackend("wasm"))) throw new NotHere("its WASM backend doesn’t start");
  return tf;
}

export async function tfjsContestant(task: TfjsTask, given: Inputs): Promise<Contestant> {
  loaded ??= load();
  const tf = await loaded;
  const inputs = Object.fromEntries(
    Object.entries(task.inputs ? task.inputs(given) : given).flatMap(([name, { dtype, shape, data }]) =>
      dtype === "f32" ? [[name, tf.tensor(data as Float32Array, [...shape], "float32")]] : [],
    ),
  );
  const work = () => task.run(tf, inputs);
  return {
    who: "tfjs-wasm",
    run(times) {
      for (let n = 0; n < times; n++)
        tf.tidy(() => {
          work();
        });
    },
    async result() {
      const result = tf.tidy(work);
      const found: Dense = {
        dtype: "f32",
        shape: result.shape,
        data: (await result.data()).slice() as Numbers,
      };
      result.dispose();
      return task.canonical ? task.canonical(found) : found;
    },
    close() {
      for (const tensor of Object.values(inputs)) tensor.dispose();
    },
  };
}

// jax-js on its WASM backend, jitted. Kernels are queued when called and done when waited for; without Web Workers,
// as in Node, one thread runs them.

import type * as JaxModule from "@jax-js/jax";
import type { Array as JaxArray } from "@jax-js/jax";
import type { Inputs, JaxTask } from "../workload.ts";
import type { Contestant } from "./contestant.ts";

export type Jax = typeof JaxModule;
export type { JaxArray };

let loaded: Promise<Jax> | undefined;

async function load(): Promise<Jax> {
  // onnxruntime-web makes Node's workers a global, which jax-js would take for those of browsers.
  Reflect.deleteProperty(globalThis, "Worker");
  const jax = await import("@jax-js/jax");
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  return jax;
}

export async function jaxContestant(task: JaxTask, given: Inputs): Promise<Contestant> {
  loaded ??= load();
  const jax = await loaded;
  const inputs = Object.entries(given).map(([name, { shape, data }]) => ({
    name,
    array: jax.numpy.array(data as Float32Array<ArrayBuffer>, { shape: [...shape] }),
  }));
  const names = inputs.map(({ name }) => name);
  const work = jax.jit((...arrays: JaxArray[]) =>
    task.run(jax, Object.fromEntries(arrays.map((array, at) => [names[at]!, array]))),
  );
  const once = () => work(...inputs.map(({ array }) => array.ref));
  return {
    who: "jax-js",
    async run(times) {
      for (let n = 0; n < times; n++) {
        const result = once();
        await jax.blockUntilReady(result);
        result.dispose();
      }
    },
    async result() {
      const result = once();
      const { shape } = result;
      return { dtype: "f32", shape, data: (await result.data()) as Float32Array };
    },
    close() {
      for (const { array } of inputs) array.dispose();
      work.dispose();
    },
  };
}

// What onnxruntime-web makes of a model: one thread, its usual optimizations. The second opinion on quantized models and on what
// `kernc onnx quantize` writes.

import type * as Ort from "onnxruntime-web";
import { tensor, type Dtype, type Tensor } from "../../runtime/index.ts";

const types: Partial<Record<Dtype, Ort.Tensor.Type>> = {
  f32: "float32",
  i8: "int8",
  u8: "uint8",
  i32: "int32",
  i64: "int64",
  f16: "float16",
  f64: "float64",
  i16: "int16",
  u16: "uint16",
  u32: "uint32",
  u64: "uint64",
  bool: "bool",
};

let loaded: Promise<typeof Ort> | undefined;

async function load(): Promise<typeof Ort> {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
}

/** A session that takes and gives tensors of ours. */
export interface Reference {
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /** Inputs as the session takes them, for measuring it alone. */
  feeds(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Ort.Tensor>>;
  readonly session: Ort.InferenceSession;
  close(): Promise<void>;
}

export async function openReference(
  model: Uint8Array,
  options: Ort.InferenceSession.SessionOptions = {},
): Promise<Reference> {
  const ort = await (loaded ??= load());
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
    ...options,
  });
  const feeds = async (inputs: Readonly<Record<string, Tensor>>) => {
    const made: Record<string, Ort.Tensor> = {};
    for (const [name, given] of Object.entries(inputs)) {
      const type = types[given.dtype];
      if (!type) throw new Error(`no tensors of ${given.dtype} for onnxruntime`);
      made[name] = new ort.Tensor(type, (await given.data()) as never, [...given.shape]);
    }
    return made;
  };
  return {
    session,
    feeds,
    async run(inputs) {
      const results = await session.run(await feeds(inputs));
      return Object.fromEntries(
        Object.entries(results).map(([name, { data, dims, type }]) => {
          const dtype = Object.keys(types).find((each) => types[each as Dtype] === type) as Dtype;
          return [name, tensor(data as Float32Array, dims, dtype)];
        }),
      );
    },
    close: () => session.release(),
  };
}

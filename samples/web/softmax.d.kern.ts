// Made by kernc from softmax.kern; changes are lost when it is compiled again.
import type { Device, Tensor } from "kernc/runtime";

/**
 * y[i, j] = exp(x[i, j] / temperature), so that each row sums to one
 *
 * Where `temperature > 0`.
 */
export function softmax(args: {
  /** `Tensor[f32, M, N]` */ x: Tensor<"f32">;
  /** `f32` */ temperature: number;
  /** `Tensor[f32, M, N]`; allocated if it isn’t given */ y?: Tensor<"f32">;
}): Promise<{
  y: Tensor<"f32">;
}>;

/** The kernels of softmax.kern. */
export interface Kernels {
  softmax: typeof softmax;
}

/** Loads the kernels on a device of your own: `const { … } = await load(device)`. */
export default function load(device: Device): Promise<Kernels>;

// Made by kernc from matmul.kern; changes are lost when it is compiled again.
import type { Device, Tensor } from "kernc/runtime";

/**
 * c = a b
 */
export function matmul(args: {
  /** `Tensor[f32, M, K]` */ a: Tensor<"f32">;
  /** `Tensor[f32, K, N]` */ b: Tensor<"f32">;
  /** `Tensor[f32, M, N]`; allocated if it isn’t given */ c?: Tensor<"f32">;
}): Promise<{
  c: Tensor<"f32">;
}>;

/** The kernels of matmul.kern. */
export interface Kernels {
  matmul: typeof matmul;
}

/** Loads the kernels on a device of your own: `const { … } = await load(device)`. */
export default function load(device: Device): Promise<Kernels>;

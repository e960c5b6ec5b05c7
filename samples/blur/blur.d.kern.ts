// Made by kernc from blur.kern; changes are lost when it is compiled again.
import type { Device, Tensor } from "kernc/runtime";

/**
 * blurred[y, x, c] = Σ weights[i] weights[j] image[y + i - K // 2, x + j - K // 2, c], rounded
 */
export function blur(args: {
  /** `Tensor[u8, H, W, C]` */ image: Tensor<"u8">;
  /** `Tensor[f32, K]` */ weights: Tensor<"f32">;
  /** `Tensor[u8, H, W, C]`; allocated if it isn’t given */ blurred?: Tensor<"u8">;
}): Promise<{
  blurred: Tensor<"u8">;
}>;

/** The kernels of blur.kern. */
export interface Kernels {
  blur: typeof blur;
}

/** Loads the kernels on a device of your own: `const { … } = await load(device)`. */
export default function load(device: Device): Promise<Kernels>;

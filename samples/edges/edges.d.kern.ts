// Made by kernc from edges.kern; changes are lost when it is compiled again.
import type { Device, Tensor } from "kernc/runtime";

/**
 * edges[y, x] = |∇ luma| at pixel (y, x), rounded and saturated to 0 … 255
 */
export function edges(args: {
  /** `Tensor[u8, H, W, 3]` */ image: Tensor<"u8">;
  /** `Tensor[u8, H, W]`; allocated if it isn’t given */ edges?: Tensor<"u8">;
}): Promise<{
  edges: Tensor<"u8">;
}>;

/** The kernels of edges.kern. */
export interface Kernels {
  edges: typeof edges;
}

/** Loads the kernels on a device of your own: `const { … } = await load(device)`. */
export default function load(device: Device): Promise<Kernels>;

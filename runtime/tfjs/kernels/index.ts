// The kernels of TensorFlow.js that Kern carries out.

import type { KernelRow } from "../node.ts";
import { elementwise } from "./elementwise.ts";
import { images } from "./images.ts";
import { layouts } from "./layout.ts";
import { products } from "./products.ts";
import { reductions } from "./reduction.ts";

export const kernelRows: readonly KernelRow[] = [
  ...elementwise,
  ...images,
  ...layouts,
  ...products,
  ...reductions,
];

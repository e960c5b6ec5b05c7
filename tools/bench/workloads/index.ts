// All workloads, in the order in which they are reported.

import type { Workload } from "../workload.ts";
import { attentions } from "./attention.ts";
import { convolutions } from "./convolution.ts";
import { matmuls } from "./matmul.ts";
import { normalizations } from "./normalization.ts";
import { pointwise } from "./pointwise.ts";
import { quantized } from "./quantized.ts";
import { reductions } from "./reduction.ts";

export const workloads: readonly Workload[] = [
  ...matmuls,
  ...quantized,
  ...convolutions,
  ...attentions,
  ...normalizations,
  ...pointwise,
  ...reductions,
];

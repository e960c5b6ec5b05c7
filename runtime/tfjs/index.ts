// `kernc/tfjs`: kernels in Kern inside TensorFlow.js.

export { registerKernels, type RegisterOptions, type Registration, type CallCounts } from "./register.ts";
export { registerOps, type KernOp, type OpOptions, type Scalars } from "./user.ts";
export type { BackendName, Tfjs } from "./types.ts";

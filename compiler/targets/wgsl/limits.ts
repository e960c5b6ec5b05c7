// What every WebGPU implementation grants without being asked: the limits that emitted modules keep to.

/** WebGPU's base limits, and those that WGSL sets itself, as far as a kernel can exceed them. */
export const limits = {
  /** Storage buffers that one entry point may see. */
  storageBuffers: 8,
  /** Bytes of one storage buffer binding; known only when a kernel is called. */
  bindingBytes: 128 * 2 ** 20,
  /** Bytes of the uniform buffer. */
  uniformBytes: 64 * 2 ** 10,
  /** Invocations of a workgroup. */
  invocations: 256,
  /** Bytes of workgroup memory. */
  workgroupBytes: 16 * 2 ** 10,
  /** Bytes of all variables of a function. */
  functionBytes: 8 * 2 ** 10,
} as const;

/** Invocations of a workgroup where the source doesn't say. */
export const workgroupSize = 64;

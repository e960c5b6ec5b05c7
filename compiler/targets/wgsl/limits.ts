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

export type Limits = Readonly<Record<keyof typeof limits, number>>;

/** WebGPU's names for them; those without one are WGSL's own, the same on every device. */
const names = {
  storageBuffers: "maxStorageBuffersPerShaderStage",
  bindingBytes: "maxStorageBufferBindingSize",
  uniformBytes: "maxUniformBufferBindingSize",
  invocations: "maxComputeInvocationsPerWorkgroup",
  workgroupBytes: "maxComputeWorkgroupStorageSize",
} as const;

/** What a device grants: `given` by WebGPU's names, the base limits where it is silent. */
export function limitsOf(given: Readonly<Record<string, number>> = {}): Limits {
  const own = Object.entries(names).flatMap(([name, webgpu]) =>
    given[webgpu] === undefined ? [] : [[name, given[webgpu]]],
  );
  const found: Limits = { ...limits, ...Object.fromEntries(own) };
  // All invocations lie along one axis, which may be granted fewer.
  const along = given["maxComputeWorkgroupSizeX"] ?? limits.invocations;
  return { ...found, invocations: Math.min(found.invocations, along) };
}

/** Invocations of a workgroup where the source doesn't say. */
export const workgroupSize = 64;

// TensorFlow.js's own shaders, as its WebGPU backend makes them: it runs on Dawn's null backend, which executes nothing, and
// hands its shaders to the device as it would anywhere.

import type { NamedShader } from "./shaders.ts";

/** TensorFlow.js with its WebGPU backend on the adapter that `gpu` gives. A process can have it once. */
export async function openTfjs(gpu: GPU) {
  // The backend looks for this before it takes a device.
  Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "" }, configurable: true });
  const tf = await import("@tensorflow/tfjs-core");
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("there is no adapter for TensorFlow.js");
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredLimits: {
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    },
  });
  // Its kernels are registered for this name.
  tf.removeBackend("webgpu");
  tf.registerBackend("webgpu", () => new WebGPUBackend(device, adapter.info));
  await tf.setBackend("webgpu");
  return { tf, device };
}

/** The shader with which TensorFlow.js multiplies two square matrices of f32. */
export async function tfjsMatmul(size: number): Promise<NamedShader> {
  const { create, globals } = await import("webgpu");
  Object.assign(globalThis, globals);
  const { tf, device } = await openTfjs(create(["backend=null"]));
  const codes: string[] = [];
  const make = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    codes.push(descriptor.code);
    return make(descriptor);
  };
  tf.matMul(tf.zeros([size, size]), tf.zeros([size, size]));
  device.destroy();
  const code = codes.find((text) => text.includes("mm_Asub"));
  if (code === undefined) throw new Error("TensorFlow.js multiplies matrices in another way than I know");
  return {
    name: `TensorFlow.js matmul ${size}³`,
    code,
    entryPoint: "_start",
    bindings: "srru",
    features: [],
  };
}

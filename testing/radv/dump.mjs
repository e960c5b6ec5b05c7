// Makes compute pipelines on a Vulkan device with Dawn, which prints their SPIR-V as text to standard output. A process of its
// own, since the printing is Dawn's. Takes a list of { code, features, pipelines: [{ entryPoint, bindings }] } as JSON on standard input.

import { text } from "node:stream/consumers";
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const modules = JSON.parse(await text(process.stdin));
const gpu = create(["enable-dawn-features=dump_shaders", "adapter=llvmpipe"]);
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error("there is no Vulkan device");
const limits = [
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
];
const device = await adapter.requestDevice({
  requiredFeatures: [...new Set(modules.flatMap(({ features }) => features))].filter((name) =>
    adapter.features.has(name),
  ),
  requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
});
device.addEventListener("uncapturederror", ({ error }) => {
  throw new Error(error.message);
});
const kinds = { s: "storage", r: "read-only-storage", u: "uniform" };
for (const { code, pipelines } of modules) {
  const module = device.createShaderModule({ code });
  for (const { entryPoint, bindings } of pipelines) {
    const entries = [...bindings].map((letter, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: kinds[letter] },
    }));
    const layout = device.createPipelineLayout({
      bindGroupLayouts: [device.createBindGroupLayout({ entries })],
    });
    await device.createComputePipelineAsync({ layout, compute: { module, entryPoint } });
  }
}
device.destroy();

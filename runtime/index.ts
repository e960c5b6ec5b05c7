// `kernc/runtime`: tensors, devices, kernels. It carries neither parser nor compiler; devices and formats are loaded when
// they are first used.

import { nearest } from "../lang/diagnostics/nearest.ts";
import type { CacheOptions, CompileCache } from "./cache/cache.ts";
import type { Device, DeviceName, Kernels } from "./device.ts";
import type { WasmOptions } from "./devices/wasm/device.ts";
import type { WebgpuDevice, WebgpuOptions } from "./devices/webgpu/device.ts";
import { kernError, suggestion } from "./error.ts";
import type { Safetensors } from "./formats/safetensors.ts";
import type { Tensor } from "./tensor/tensor.ts";
import type { TspFiles } from "./devices/tsp-files.ts";

export { KernError } from "./error.ts";
export { Tensor, tensor, type SliceRange } from "./tensor/tensor.ts";
export { valuesOf, type Value } from "./tensor/values.ts";
export type { TypedArray } from "./tensor/storage.ts";
export type { Device, DeviceCompileOptions, DeviceName, Kernel, Kernels } from "./device.ts";
export type { Arguments } from "./call/bind.ts";
export type { WebgpuDevice, BufferPlace, BufferView } from "./devices/webgpu/device.ts";
export type { CacheOptions, CompileCache } from "./cache/cache.ts";
export type { CachedSource, CompiledFiles, CompiledSource, KernelSource } from "./source.ts";
export type { Safetensors } from "./formats/safetensors.ts";
export { ops, OpRegistry } from "./ops/registry.ts";
export type { DispatchReport, OpArguments, RegisterOptions, Verdict } from "./ops/registry.ts";
export { loadFiles, type FileAddresses } from "./files.ts";
export type { TspFiles } from "./devices/tsp-files.ts";
export { importFiles, setSharedDevice, sharedDevice, type ImportedFile } from "./imported.ts";
export type { Artifact, Manifest, Signature } from "../compiler/artifact.ts";
export type { Dtype } from "../lang/dtypes.ts";

export type DeviceOptions = WasmOptions & WebgpuOptions;

/** Options of any device: a program that opens one or another may give the same to both. */
const optionNames: Readonly<Record<keyof DeviceOptions, true>> = {
  threads: true,
  serialBelow: true,
  heap: true,
  device: true,
  gpu: true,
  powerPreference: true,
};

const devices: Record<DeviceName, (options: DeviceOptions) => Promise<Device>> = {
  wasm: async (options) => (await import("./devices/wasm/device.ts")).openWasmDevice(options),
  interp: async () => (await import("./devices/interp.ts")).openInterpDevice(),
  webgpu: async (options) => (await import("./devices/webgpu/device.ts")).openWebgpuDevice(options),
  tsp: async () => (await import("./devices/tsp.ts")).openTspDevice(),
};

/**
 * Opens a device by name: `wasm` (with `threads`), `webgpu` (of a page, of Node, or the application's own), `tsp` (simulated) or
 * `interp`. Options that another device has are left aside, those that none has are refused.
 */
export async function openDevice(name: "webgpu", options?: WebgpuOptions): Promise<WebgpuDevice>;
export async function openDevice(name?: DeviceName, options?: DeviceOptions): Promise<Device>;
export async function openDevice(name: DeviceName = "wasm", options: DeviceOptions = {}): Promise<Device> {
  if (!Object.hasOwn(devices, name)) {
    const expected = "`wasm`, `webgpu`, `tsp` or `interp`";
    const fix = suggestion(nearest(String(name), Object.keys(devices)));
    throw kernError("K0719", { option: "openDevice", expected, given: String(name) }, { fix });
  }
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(optionNames, option)) continue;
    const known = Object.keys(optionNames);
    const fix = suggestion(nearest(option, known));
    throw kernError(
      "K0719",
      { option: "openDevice", expected: `the options ${known.join(", ")}`, given: option },
      { fix },
    );
  }
  return devices[name](options);
}

/** Loads a program that `kernc compile --target tsp` wrote into the simulator. The bindings beside it call this. */
export async function loadTsp(files: TspFiles): Promise<Kernels> {
  return (await import("./devices/tsp-files.ts")).loadTspFiles(files);
}

/** Reads a NumPy .npy file. */
export async function readNpy(file: Uint8Array): Promise<Tensor> {
  return (await import("./formats/npy.ts")).readNpy(file);
}
/** Writes a NumPy .npy file. */
export async function writeNpy(tensor: Tensor): Promise<Uint8Array> {
  return (await import("./formats/npy.ts")).writeNpy(tensor);
}
/** Reads a .png image as a u8 or u16 tensor [H, W] or [H, W, C]. */
export async function readPng(file: Uint8Array): Promise<Tensor> {
  return (await import("./formats/png.ts")).readPng(file);
}
/** Writes a u8, u16 or bool tensor [H, W] or [H, W, C] as a .png image. */
export async function writePng(image: Tensor): Promise<Uint8Array> {
  return (await import("./formats/png.ts")).writePng(image);
}
/** Reads the named tensors of a .safetensors file. */
export async function readSafetensors(file: Uint8Array): Promise<Safetensors> {
  return (await import("./formats/safetensors.ts")).readSafetensors(file);
}
/** Writes tensors by name, and words about them, as a .safetensors file. */
export async function writeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  return (await import("./formats/safetensors.ts")).writeSafetensors(tensors, metadata);
}
/**
 * Keeps what was compiled, in memory and, in Node, in a directory: `await cache.compile(source, options)`. An `archive` holds what was
 * compiled elsewhere; K0731 says that it is none, or another version's.
 */
export async function openCache(options?: CacheOptions): Promise<CompileCache> {
  return (await import("./cache/cache.ts")).CompileCache.open(options);
}

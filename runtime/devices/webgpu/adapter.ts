// From options to a GPUDevice: the one that an application has, or a new one of the page's `navigator.gpu` or, in Node,
// of the package `webgpu`. Features and limits that kernels can use are asked for as far as the adapter has them.

import { kernError } from "../../error.ts";

export interface WebgpuOptions {
  /** The application's own device. Kernels then share its queue, and take its buffers as tensors (`device.wrap`). */
  readonly device?: GPUDevice;
  /** Where adapters come from, instead of `navigator.gpu` or Node's package `webgpu`. */
  readonly gpu?: GPU;
  readonly powerPreference?: GPUPowerPreference;
}

/** A device, and how it was come by. */
export interface Opened {
  readonly device: GPUDevice;
  /** What shaders may use beyond the features of the device: WGSL's language extensions. */
  readonly language: readonly string[];
}

const usefulFeatures: readonly GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];

/** Limits that decide what kernels can do. The names are WebGPU's. */
export const usefulLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxUniformBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** What emitted code can be told to use. */
const compilerFeatures = ["shader-f16", "subgroups", "packed_4x8_integer_dot_product"];

/** What a compiler is told of a GPUDevice: of its features and WGSL's extensions those that code can use, and its limits. */
export function compileOptionsFor({ features, limits, adapterInfo }: GPUDevice, language: Iterable<string>) {
  const adapter = adapterName(adapterInfo);
  const there = new Set<string>([...features, ...language]);
  return {
    target: "wgsl",
    features: compilerFeatures.filter((feature) => there.has(feature)),
    limits: Object.fromEntries(usefulLimits.map((name) => [name, limits[name]])),
    ...(adapter !== undefined && { adapter }),
  } as const;
}

/** `nvidia ampere`: maker and architecture, which pages are told as well; the driver's own words where it names neither. */
function adapterName(info: GPUAdapterInfo | undefined): string | undefined {
  const words = [info?.vendor, info?.architecture].filter((word) => word);
  return words.join(" ") || info?.device || info?.description || undefined;
}

const noDevice = (why: string, notes: string[] = []) => kernError("K0725", { why }, { notes });

/** Takes the given device, or asks an adapter for one. */
export async function openGpu(options: WebgpuOptions): Promise<Opened> {
  const { device: given } = options as { device?: Partial<GPUDevice> };
  // By shape: the class may be another realm's, or a package's.
  if (given && !(given.queue && given.limits && given.lost))
    throw kernError("K0719", { option: "device", expected: "a GPUDevice", given: typeof given });
  const gpu = options.gpu ?? (options.device ? findGpu() : await gpuOfThisPlace());
  const language = [...(gpu?.wgslLanguageFeatures ?? [])];
  if (options.device) {
    refuseNull(options.device.adapterInfo);
    return { device: options.device, language };
  }
  const { powerPreference } = options;
  const adapter = await gpu!.requestAdapter(powerPreference ? { powerPreference } : {});
  if (!adapter)
    throw noDevice("there is no adapter", ["WebGPU found neither a GPU nor a driver that stands in for one"]);
  refuseNull(adapter.info);
  const requiredLimits = Object.fromEntries(usefulLimits.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = usefulFeatures.filter((name) => adapter.features.has(name));
  try {
    return { device: await adapter.requestDevice({ requiredLimits, requiredFeatures }), language };
  } catch (error) {
    throw noDevice(`the adapter gives no device: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Dawn's null backend accepts everything and executes nothing: what is read back is never a result. */
function refuseNull(info: GPUAdapterInfo | undefined): void {
  if (info?.device === "null-backend")
    throw noDevice("the adapter is the null backend", ["it checks shaders and executes nothing"]);
}

/** The page's own. */
export function findGpu(): GPU | undefined {
  return (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
}

async function gpuOfThisPlace(): Promise<GPU> {
  const found = findGpu();
  if (found) return found;
  if (globalThis.process?.versions?.node) return nodeGpu();
  const { isSecureContext } = globalThis as { isSecureContext?: boolean };
  throw noDevice("this page has no `navigator.gpu`", [
    isSecureContext === false
      ? "browsers have it on https:// and localhost only"
      : "this browser has no WebGPU, or it is switched off",
  ]);
}

/** Dawn's threads don't survive their instance, so it may never be collected. */
let instance: GPU | undefined;

/** Spelt so that bundlers for pages don't look for the package. */
const nodePackage = ["web", "gpu"].join("");

async function nodeGpu(): Promise<GPU> {
  if (instance) return instance;
  let found: { create(flags: string[]): GPU };
  try {
    found = (await import(/* @vite-ignore */ nodePackage)) as typeof found;
  } catch (error) {
    const missing = (error as { code?: string }).code === "ERR_MODULE_NOT_FOUND";
    throw kernError(
      "K0725",
      {
        why: missing
          ? "Node has WebGPU only with the package `webgpu`, which isn’t installed"
          : `the package \`webgpu\` can’t be loaded: ${error instanceof Error ? error.message : String(error)}`,
      },
      missing ? { fix: { text: "install it: `npm install webgpu`" } } : {},
    );
  }
  return (instance = found.create([]));
}

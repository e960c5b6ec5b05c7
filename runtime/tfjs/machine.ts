// What kernels run on for a backend: compiled kernels, and the backend's memory. The backend `wasm` has a linear memory for each time
// it is started, and kernels are instantiated in that.

import type { SyncCompiler } from "../../compiler/index.ts";
import type { Device, SyncBackend } from "../device.ts";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import { kernError } from "../error.ts";
import { CpuMemory, HeapMemory, heapOf, type TfMemory } from "./memory.ts";
import { Kernels } from "./plan.ts";
import type { BackendName, Tfjs } from "./types.ts";

export interface Machine {
  readonly kernels: Kernels;
  readonly memory: TfMemory;
}

/** Machines by the backend that a call names. */
export interface Machines {
  for(backend: object): Machine;
  /** How many different kernels were compiled. */
  readonly compiled: number;
  close(): void;
}

const backends: readonly string[] = ["cpu", "wasm", "webgpu"] satisfies BackendName[];

/** Refuses what isn't TensorFlow.js, and backends that Kern has no kernels for. */
export function checkBackend(tf: Tfjs, backend: BackendName | undefined): BackendName {
  const refuse = (option: string, expected: string, given: string) =>
    kernError("K0719", { option, expected, given });
  if (typeof (tf as Partial<Tfjs> | undefined)?.getKernel !== "function")
    throw refuse("tf", "the module `@tensorflow/tfjs-core`", describeGiven(tf));
  if (backend === undefined || !backends.includes(backend))
    throw refuse(
      "backend",
      "`cpu`, `wasm` or `webgpu`",
      backend === undefined ? "nothing" : `\`${String(backend)}\``,
    );
  return backend;
}

/** Loads what calls that don't wait need. */
export async function openMachines(
  tf: Tfjs,
  named: BackendName | undefined,
  device: Device | undefined,
): Promise<Machines> {
  const backend = checkBackend(tf, named);
  if (device && backend !== "cpu")
    throw kernError("K0719", {
      option: "device",
      expected: `nothing beside the backend \`${backend}\`, in whose own memory kernels run`,
      given: `the device ${device.name}`,
    });
  if (backend === "webgpu") return openGpu(tf);
  const [{ WasmDevice, openWasmDevice }, { DeviceMemory }, { loadCompiler }] = await Promise.all([
    import("../devices/wasm/device.ts"),
    import("../devices/wasm/memory.ts"),
    import("../../compiler/index.ts"),
  ]);
  if (backend === "cpu") {
    const own = device ?? (await openWasmDevice());
    const kernels = kernelsOn(own, await loadCompiler(own.compileOptions.target));
    const known = new WeakMap<object, Machine>();
    return {
      for: (each) =>
        remembered(known, each, () => ({
          kernels,
          memory: new CpuMemory(each, own instanceof WasmDevice ? own : undefined),
        })),
      get compiled() {
        return kernels.size;
      },
      close: () => (device ? undefined : own.close()),
    };
  }
  const compileSync = await loadCompiler();
  const known = new WeakMap<object, Machine>();
  let compiled = 0;
  return {
    for: (each) =>
      remembered(known, each, () => {
        const heap = heapOf(each);
        if (!heap)
          throw kernError("K0719", {
            option: "backend",
            expected: "the backend `wasm` of TensorFlow.js 4",
            given: "one whose memory I don’t find",
          });
        const heapDevice = new WasmDevice(new DeviceMemory(heap), undefined, Infinity);
        const counted: SyncCompiler = (...args) => {
          compiled++;
          return compileSync(...args);
        };
        return { kernels: kernelsOn(heapDevice, counted), memory: new HeapMemory(each, heapDevice) };
      }),
    get compiled() {
      return compiled;
    },
    close: () => undefined,
  };
}

/** On the GPU of the backend `webgpu`, in its own line of commands. */
async function openGpu(tf: Tfjs): Promise<Machines> {
  const [{ GpuDevice, GpuMemory, isGpuBackend }, { loadCompiler }] = await Promise.all([
    import("./gpu.ts"),
    import("../../compiler/index.ts"),
  ]);
  const compileSync = await loadCompiler("wgsl");
  const known = new WeakMap<object, Machine>();
  let compiled = 0;
  const counted: SyncCompiler = (...args) => {
    compiled++;
    return compileSync(...args);
  };
  const batchSize = (): number => tf.env().getNumber("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE");
  return {
    for: (each) =>
      remembered(known, each, () => {
        if (!isGpuBackend(each))
          throw kernError("K0719", {
            option: "backend",
            expected: "the backend `webgpu` of TensorFlow.js 4",
            given: "one that I don’t know",
          });
        return {
          kernels: new Kernels(new GpuDevice(each, batchSize), counted),
          memory: new GpuMemory(each),
        };
      }),
    get compiled() {
      return compiled;
    },
    close: () => undefined,
  };
}

function remembered<K extends object, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  let found = known.get(key);
  if (!found) known.set(key, (found = make()));
  return found;
}

/** A device for calls that don't wait, or an error where it can't have them. */
function kernelsOn(device: Device, compileSync: SyncCompiler): Kernels {
  if (!("instancesSync" in device))
    throw kernError("K0729", { what: "a kernel of TensorFlow.js", why: `its device is ${device.name}` });
  return new Kernels(device as unknown as SyncBackend, compileSync);
}

// Kernels that a bundler imported from a `.kern` file: callable at once, loaded when the first of them is called, on
// one device that all imports of a page share, so that tensors go from one file's kernels to another's.

import type { Arguments } from "./call/bind.ts";
import type { Device, Kernels } from "./device.ts";
import { loadFiles, type FileAddresses } from "./files.ts";
import type { Tensor } from "./tensor/tensor.ts";

/** More workers than this seldom help one kernel. */
const maxSharedThreads = 8;

let shared: Promise<Device> | undefined;

/**
 * The device of imported kernels, opened when it is first asked for: WASM, with a worker a core where the page is
 * cross-origin isolated, and on the calling thread alone where it isn't.
 */
export function sharedDevice(): Promise<Device> {
  shared ??= openSharedDevice().catch((error: unknown) => {
    shared = undefined;
    throw error;
  });
  return shared;
}

/** Runs imported kernels on this device from the next call on; `undefined` goes back to one opened on demand. */
export function setSharedDevice(device: Device | Promise<Device> | undefined): void {
  shared = device && Promise.resolve(device);
}

async function openSharedDevice(): Promise<Device> {
  const { openWasmDevice } = await import("./devices/wasm/device.ts");
  const { crossOriginIsolated, navigator } = globalThis;
  const threads = crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, maxSharedThreads) : 1;
  if (threads > 1) {
    try {
      return await openWasmDevice({ threads });
    } catch {
      // A content security policy may forbid workers; the result is the same without them.
    }
  }
  return openWasmDevice();
}

/** What a `.kern` module is made of: its kernels by name, and the loader for a device of one's own. */
export interface ImportedFile {
  kernel(name: string): (args?: Arguments) => Promise<Record<string, Tensor>>;
  load(device: Device): Promise<Kernels>;
}

/**
 * The kernels of compiled files, fetched when they are first called. Code that a bundler plugin writes calls this;
 * the addresses come from a function, so that making the file has no effects.
 */
export function importFiles(addresses: () => FileAddresses): ImportedFile {
  let loaded: { device: Device; kernels: Promise<Kernels> } | undefined;
  const load = (device: Device): Promise<Kernels> => loadFiles(device, addresses());
  const onShared = async (): Promise<Kernels> => {
    const device = await sharedDevice();
    if (loaded?.device !== device) {
      const kernels = load(device);
      const mine = (loaded = { device, kernels });
      // A failed download is tried again by the next call.
      kernels.catch(() => {
        if (loaded === mine) loaded = undefined;
      });
    }
    return loaded!.kernels;
  };
  return {
    load,
    kernel: (name) =>
      Object.defineProperty(async (args?: Arguments) => (await onShared())[name]!(args), "name", {
        value: name,
      }),
  };
}

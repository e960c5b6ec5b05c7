// The device of the page: WebGPU where the visitor has it, else WebAssembly, and words that say which and why.
// `?device=wasm` asks for WebAssembly, to compare.

import { openDevice, setSharedDevice, type Device } from "kernc/runtime";

export interface Opened {
  readonly device: Device;
  readonly words: string;
}

/** Opens the device that imported kernels run on. */
export async function openBest(): Promise<Opened> {
  const asked = new URLSearchParams(location.search).get("device");
  const opened = asked === "wasm" ? await openWasm("as the address asks") : await openGpu();
  setSharedDevice(opened.device);
  return opened;
}

async function openGpu(): Promise<Opened> {
  try {
    const device = await openDevice("webgpu");
    const { vendor, architecture, description } = device.adapterInfo ?? {};
    const name = description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed";
    return { device, words: `WebGPU · ${name}` };
  } catch (error) {
    return openWasm(error instanceof Error ? error.message.split("\n")[0]! : String(error));
  }
}

async function openWasm(why: string): Promise<Opened> {
  return { device: await openDevice("wasm"), words: `WebAssembly · ${why}` };
}

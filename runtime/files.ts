// Loads the files that `kernc compile` wrote, wherever they lie: from disk in Node, over the network in a page. The
// generated bindings call it with addresses that bundlers understand.

import type { Manifest, TargetName } from "../compiler/artifact.ts";
import type { Device, Kernels } from "./device.ts";
import { kernError } from "./error.ts";
import { bestFor } from "./source.ts";

export interface FileAddresses {
  /** NAME.manifest.json */
  readonly manifest: URL;
  /** The code by target. */
  readonly code: Readonly<Partial<Record<TargetName, URL>>>;
  /** Code for more features of the same target, by the file's name in the manifest. */
  readonly levels?: Readonly<Record<string, URL>>;
}

const targetOf: Readonly<Record<string, TargetName>> = { wasm: "wasm", webgpu: "wgsl", tsp: "tsp" };

/** Fetches the manifest and the code for the device, and loads the kernels. */
export async function loadFiles(device: Device, { manifest, code, levels }: FileAddresses): Promise<Kernels> {
  const target = targetOf[device.name];
  const address = target && code[target];
  if (!target || !address)
    throw kernError("K0714", { why: `they were not compiled for the device ${device.name}` });
  const text = new TextDecoder();
  if (levels) {
    // Which file is the one says the manifest.
    const list = parsed(manifest, text.decode(await readAddress(manifest)));
    const file = bestFor(list.artifacts, target, device.features)?.file ?? "";
    const level = levels[file];
    if (level) return device.load({ manifest: list, code: {}, levels: { [file]: await readAddress(level) } });
    return device.load({ manifest: list, code: { [target]: await readAddress(address) } });
  }
  const [json, bytes] = await Promise.all([readAddress(manifest), readAddress(address)]);
  return device.load({
    manifest: parsed(manifest, text.decode(json)),
    code: { [target]: target === "wasm" ? bytes : text.decode(bytes) },
  });
}

/** A manifest's text as data; whether it is one, loading finds out. */
function parsed(address: URL, text: string): Manifest {
  try {
    return JSON.parse(text) as Manifest;
  } catch (error) {
    throw kernError("K0714", {
      why: `${address.href} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

/** The bytes at an address, from disk in Node. */
export async function readAddress(address: URL): Promise<Uint8Array> {
  // Found at run time, so that bundlers for pages have nothing of Node's to resolve.
  const files =
    address.protocol === "file:" ? globalThis.process?.getBuiltinModule?.("node:fs/promises") : undefined;
  try {
    if (files) return await files.readFile(address);
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw kernError("K0714", {
      why: `${address.href} can’t be read: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

// Calibration data: a folder of samples, or a file. A .npy file is a sample of a model with one input; .npz and .safetensors hold an array for
// each input, by name. Files are taken in the order of their names.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { KernError } from "../../../runtime/error.ts";
import { readNpy, type Tensor } from "../../../runtime/index.ts";
import type { Model, Tensors } from "../../../runtime/onnx/index.ts";
import { DiagnosticError, mistake } from "../diagnostic-error.ts";
import { readBytes } from "../sources.ts";

const known = /\.(npy|npz|safetensors)$/;

/** Every sample of files and folders. */
export async function readSamples(paths: readonly string[], model: Model): Promise<Tensors[]> {
  const samples: Tensors[] = [];
  for (const path of paths.flatMap(filesOf)) samples.push(await sampleOf(path, model));
  return samples;
}

function filesOf(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const files = readdirSync(path).filter((name) => known.test(name));
  if (files.length === 0)
    throw mistake("K0807", { input: path, why: "there is no .npy, .npz or .safetensors file in it" });
  return files.toSorted().map((name) => join(path, name));
}

async function sampleOf(path: string, model: Model): Promise<Tensors> {
  const { inputs } = model;
  const bytes = readBytes(path);
  if (!known.test(path))
    throw mistake("K0807", { input: path, why: "a sample is a .npy, .npz or .safetensors file" });
  try {
    if (path.endsWith(".npy")) {
      const [only, ...others] = inputs;
      if (!only || others.length > 0)
        throw mistake("K0807", {
          input: path,
          why: `the model has ${inputs.length} inputs, and a .npy file holds one array; use .npz`,
        });
      const sample = { [only.name]: await readNpy(bytes) };
      model.check(sample);
      return sample;
    }
    const sample = path.endsWith(".npz") ? await readNpz(path, bytes) : await readTensors(bytes);
    model.check(sample);
    return sample;
  } catch (error) {
    if (!(error instanceof KernError)) throw error;
    const { code, message, notes } = error.diagnostic;
    // What holds many samples, one behind the other along an axis more, is no input of the model.
    const one = "a file is one sample; several are files of a folder";
    throw new DiagnosticError({
      ...error.diagnostic,
      message: `${path}: ${message}`,
      notes: code === "K1006" ? [...notes, one] : notes,
    });
  }
}

async function readTensors(bytes: Uint8Array): Promise<Record<string, Tensor>> {
  const { readSafetensors } = await import("../../../runtime/formats/safetensors.ts");
  return { ...readSafetensors(bytes).tensors };
}

/** The arrays of a .npz file: a zip archive of .npy files, stored or deflated. */
export async function readNpz(path: string, bytes: Uint8Array): Promise<Record<string, Tensor>> {
  const refuse = (why: string) =>
    mistake("K0807", { input: path, why: `it is not a .npz file I can read: ${why}` });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The directory stands at the end, behind a comment of at most 2^16 bytes.
  let end = bytes.byteLength - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw refuse("there is no directory at its end");
  const arrays: Record<string, Tensor> = {};
  let at = view.getUint32(end + 16, true);
  for (let n = view.getUint16(end + 10, true); n > 0; n--) {
    if (at + 46 > bytes.byteLength || view.getUint32(at, true) !== 0x02014b50)
      throw refuse("its directory is broken");
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const nameLength = view.getUint16(at + 28, true);
    const start = view.getUint32(at + 42, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (start + 30 > bytes.byteLength) throw refuse("its directory is broken");
    const data = start + 30 + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
    const content = bytes.subarray(data, data + packed);
    if (content.byteLength !== packed || (method !== 0 && method !== 8))
      throw refuse(`the array \`${name}\` is cut off, or packed in a way that I don’t know`);
    let whole: Uint8Array = content;
    if (method === 8)
      try {
        whole = inflateRawSync(content, { maxOutputLength: Math.max(size, 1) });
      } catch {
        throw refuse(`the array \`${name}\` is broken`);
      }
    arrays[name.replace(/\.npy$/, "")] = await readNpy(new Uint8Array(whole));
  }
  return arrays;
}

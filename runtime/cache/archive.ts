// Compilations in one file, which goes with a model: what it holds isn't compiled again, on whatever machine.

import { kernError, type KernError } from "../error.ts";
import { entryOf, entryText, type StoredEntry } from "./entries.ts";

interface ArchiveFile {
  readonly kern: typeof kind;
  readonly compiler: string;
  readonly features: readonly string[];
  /** Texts of entries by key. */
  readonly entries: Readonly<Record<string, string>>;
}

const kind = "kernels";

export interface Archive {
  /** What engines need to have for it: see `Device.features`. */
  readonly features: readonly string[];
  readonly read: (key: string) => StoredEntry | undefined;
}

/** `compiler` is the version of compiler and library that made the entries. */
export function packed(
  entries: ReadonlyMap<string, StoredEntry>,
  compiler: string,
  features: readonly string[],
): Uint8Array<ArrayBuffer> {
  const file: ArchiveFile = {
    kern: kind,
    compiler,
    features,
    entries: Object.fromEntries([...entries].map(([key, entry]) => [key, entryText(entry)])),
  };
  return new TextEncoder().encode(JSON.stringify(file));
}

/** Throws K0731 for what isn't an archive, or was made by another version: each kernel would be compiled again, and nobody told. */
export function unpacked(bytes: Uint8Array, compiler: string): Archive {
  let file: Partial<ArchiveFile> | null;
  try {
    file = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as ArchiveFile;
  } catch {
    file = null;
  }
  const { entries, features } = file ?? {};
  if (file?.kern !== kind || typeof entries !== "object" || entries === null || !Array.isArray(features))
    throw refused("it isn’t a file of compiled kernels, or was cut off");
  if (file.compiler !== compiler) throw refused("another version of kernc made it");
  return {
    features,
    read: (key) => {
      const text = Object.hasOwn(entries, key) ? entries[key] : undefined;
      return typeof text === "string" ? entryOf(text) : undefined;
    },
  };
}

const refused = (why: string): KernError =>
  kernError(
    "K0731",
    { why },
    { notes: ["`kernc onnx compile MODEL --out FILE.kernels` makes one for the version that it is of"] },
  );

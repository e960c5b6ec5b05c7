// An entry of the cache as text. What is damaged, or was written by another version, counts as not there.

import type { Artifact } from "../../compiler/artifact.ts";
import type { Dependency } from "./cache.ts";

export interface StoredEntry {
  readonly dependencies: readonly Dependency[];
  readonly artifacts: readonly Artifact[];
}

interface EntryFile {
  readonly format: typeof format;
  readonly dependencies: readonly Dependency[];
  /** Binary code in base 64. */
  readonly artifacts: readonly (Omit<Artifact, "code"> & {
    readonly code: string;
    readonly binary: boolean;
  })[];
}

const format = 1;

export function entryText({ dependencies, artifacts }: StoredEntry): string {
  const entry: EntryFile = {
    format,
    dependencies,
    artifacts: artifacts.map((artifact) => {
      const { code } = artifact;
      const binary = typeof code !== "string";
      return { ...artifact, binary, code: binary ? toBase64(code) : code };
    }),
  };
  return JSON.stringify(entry);
}

export function entryOf(text: string): StoredEntry | undefined {
  try {
    const entry = JSON.parse(text) as EntryFile;
    if (entry.format !== format || !Array.isArray(entry.dependencies)) return undefined;
    const artifacts = entry.artifacts.map(({ binary, ...artifact }): Artifact => ({
      ...artifact,
      code: binary ? ofBase64(artifact.code) : artifact.code,
    }));
    const sound = artifacts.every((each) => each.format === 1 && Array.isArray(each.kernels));
    return sound ? { dependencies: entry.dependencies, artifacts } : undefined;
  } catch {
    return undefined;
  }
}

/** Pages have no Buffer, and engines no method of their own yet that all of them know. */
const toBase64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

const ofBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

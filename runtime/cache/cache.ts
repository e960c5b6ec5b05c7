// Compilations that were done before: in memory for this process, and in a directory for the next one. The key is all
// that a compilation depends on: the source, the options, the compiler and its library; files that the source
// imports are looked at again each time. Loads the compiler when something isn't there.

import type { CompileOptions, ModuleHost, Source, SourceFile } from "../../compiler/index.ts";
import type { CachedSource, CompiledSource } from "../source.ts";
import { packed, unpacked, type Archive } from "./archive.ts";
import type { StoredEntry } from "./entries.ts";
import { EntryFolder } from "./folder.ts";
import { libraryIdentity } from "../../stdlib/identity.gen.ts";
import manifest from "../../package.json" with { type: "json" };

export interface CacheOptions {
  /** Where artifacts are kept from one process to the next; made if it isn't there. In memory only if nothing is said. */
  readonly directory?: string;
  /** What `pack` gave, or `kernc onnx compile` wrote: nothing in it is compiled again. */
  readonly archive?: Uint8Array | ArrayBuffer;
  /** Compilations kept in memory, 64 if nothing is said. */
  readonly limit?: number;
}

/** What one import led to: replayed to see whether it still does. */
export interface Dependency {
  readonly from: string;
  readonly level: number;
  readonly path: readonly string[];
  /** The file found; absent where there was none. */
  readonly file?: SourceFile;
}

interface Entry {
  readonly source: Promise<CompiledSource | CachedSource>;
  readonly dependencies: readonly Dependency[];
}

/** What `cache.compile` gives: a device loads it like what `compile` gives. */
export type Cached = CompiledSource | CachedSource;

export class CompileCache {
  /** How often something was found in memory, in the archive or directory, and compiled. */
  readonly counts = { memory: 0, archive: 0, directory: 0, compiled: 0 };
  private readonly entries = new Map<string, Entry>();
  private readonly limit: number;
  private readonly folder: EntryFolder | undefined;
  private readonly archive: Archive | undefined;

  private constructor({ directory, limit = 64 }: CacheOptions, archive: Archive | undefined) {
    this.limit = limit;
    this.folder = directory === undefined ? undefined : new EntryFolder(directory);
    this.archive = archive;
  }

  /** Throws K0731 where the archive is none that this version made. */
  static open(options: CacheOptions = {}): CompileCache {
    const { archive } = options;
    if (archive === undefined) return new CompileCache(options, undefined);
    const bytes = archive instanceof Uint8Array ? archive : new Uint8Array(archive);
    return new CompileCache(options, unpacked(bytes, compilerIdentity));
  }

  /** Features of the devices that the archive was made for; undefined without one. */
  get features(): readonly string[] | undefined {
    return this.archive?.features;
  }

  /** All that is in memory as a file, for devices that have `features`. */
  async pack(features: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
    const entries = new Map<string, StoredEntry>();
    for (const [key, { source, dependencies }] of this.entries)
      entries.set(key, { dependencies, artifacts: (await source).artifacts });
    return packed(entries, compilerIdentity, features);
  }

  /** As `compile` of the compiler, or what it gave for the same question. */
  async compile(source: Source, options: CompileOptions = {}): Promise<Cached> {
    const file = typeof source === "string" ? { path: "kernel.kern", text: source } : source;
    // Developers of the compiler want to see it work.
    if (options.passes) return (await compiler()).compile(file, options);
    const key = await keyOf(file, options);
    const known = this.entries.get(key);
    if (known && unchanged(known.dependencies, file, options.host)) {
      this.counts.memory++;
      this.keep(key, known);
      return known.source;
    }
    const shipped = this.archive?.read(key);
    const stored = shipped ?? (await this.folder?.read(key));
    if (stored && unchanged(stored.dependencies, file, options.host)) {
      this.counts[shipped ? "archive" : "directory"]++;
      let full: Promise<CompiledSource> | undefined;
      const compiled = () => (full ??= compiler().then(({ compile }) => compile(file, options)));
      const cached: CachedSource = { artifacts: stored.artifacts, compiled };
      this.keep(key, { source: Promise.resolve(cached), dependencies: stored.dependencies });
      return cached;
    }
    return this.compileAnew(key, file, options);
  }

  /** Forgets everything, in the directory too. */
  async clear(): Promise<void> {
    this.entries.clear();
    await this.folder?.clear();
  }

  private async compileAnew(key: string, file: SourceFile, options: CompileOptions): Promise<Cached> {
    this.counts.compiled++;
    const dependencies: Dependency[] = [];
    const host = options.host && recorded(options.host, dependencies);
    const source = compiler().then(({ compile }) => compile(file, { ...options, host }));
    this.keep(key, { source, dependencies });
    try {
      const { artifacts } = await source;
      await this.folder?.write(key, { dependencies, artifacts });
    } catch (error) {
      if (this.entries.get(key)?.source === source) this.entries.delete(key);
      throw error;
    }
    return source;
  }

  /** The entry becomes the last to go. */
  private keep(key: string, entry: Entry): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.limit) break;
      this.entries.delete(oldest);
    }
  }
}

const compiler = () => import("../../compiler/index.ts");

/** The compiler's version and the library's. */
const compilerIdentity = `${manifest.version} ${libraryIdentity}`;

async function keyOf({ path, text }: SourceFile, options: CompileOptions): Promise<string> {
  const sorted = (record: Readonly<Record<string, unknown>> = {}) =>
    Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return digest([
    compilerIdentity,
    path,
    text,
    [options.target ?? "wasm"].flat(),
    sorted(options.set),
    sorted(options.shape),
    options.kernels ?? null,
    options.features ?? null,
    options.levels ?? false,
    options.limits ? sorted(options.limits) : null,
    options.lock ?? null,
    options.lock === undefined ? null : (options.adapter ?? null),
    options.host !== undefined,
  ]);
}

async function digest(value: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The host, with a list of what it was asked. */
function recorded(host: ModuleHost, dependencies: Dependency[]): ModuleHost {
  return {
    resolve(level, path, from) {
      const found = host.resolve(level, path, from);
      const file = found && "text" in found ? { path: found.path, text: found.text } : undefined;
      dependencies.push({ from: from.path, level, path: [...path], file });
      return found;
    },
  };
}

function unchanged(
  dependencies: readonly Dependency[],
  main: SourceFile,
  host: ModuleHost | undefined,
): boolean {
  const files = new Map([[main.path, main]]);
  return dependencies.every(({ from, level, path, file }) => {
    const importing = files.get(from);
    if (!importing) return false;
    const found = host?.resolve(level, path, importing);
    if (!found || !("text" in found)) return file === undefined;
    files.set(found.path, found);
    return found.path === file?.path && found.text === file.text;
  });
}

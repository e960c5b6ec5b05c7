// Entries of the cache as files, one an entry, named by its key. What can't be read, is damaged, or was written by another
// version counts as not there; files appear whole or not at all.

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
const extension = ".kern-cache.json";

export class EntryFolder {
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  async read(key: string): Promise<StoredEntry | undefined> {
    const { join, readFile } = files();
    try {
      const entry = JSON.parse(await readFile(join(this.directory, key + extension), "utf8")) as EntryFile;
      if (entry.format !== format || !Array.isArray(entry.dependencies)) return undefined;
      const artifacts = entry.artifacts.map(({ binary, ...artifact }): Artifact => ({
        ...artifact,
        code: binary ? new Uint8Array(Buffer.from(artifact.code, "base64")) : artifact.code,
      }));
      const sound = artifacts.every((each) => each.format === 1 && Array.isArray(each.kernels));
      return sound ? { dependencies: entry.dependencies, artifacts } : undefined;
    } catch {
      return undefined;
    }
  }

  /** A directory that can't be written to makes the next process slower, and no call fail. */
  async write(key: string, { dependencies, artifacts }: StoredEntry): Promise<void> {
    const { join, mkdir, rename, rm, writeFile } = files();
    const entry: EntryFile = {
      format,
      dependencies,
      artifacts: artifacts.map((artifact) => {
        const { code } = artifact;
        const binary = typeof code !== "string";
        return { ...artifact, binary, code: binary ? Buffer.from(code).toString("base64") : code };
      }),
    };
    const temporary = join(
      this.directory,
      `.${key}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`,
    );
    try {
      await mkdir(this.directory, { recursive: true });
      await writeFile(temporary, JSON.stringify(entry));
      await rename(temporary, join(this.directory, key + extension));
    } catch {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  async clear(): Promise<void> {
    const { join, readdir, rm } = files();
    const names = await readdir(this.directory).catch(() => []);
    const own = names.filter((name) => name.endsWith(extension));
    await Promise.all(own.map((name) => rm(join(this.directory, name), { force: true })));
  }
}

/** Node's own modules, found at run time, so that bundlers for pages have nothing to resolve. */
function files() {
  const { getBuiltinModule } = process;
  const { join } = getBuiltinModule("node:path");
  return { ...getBuiltinModule("node:fs/promises"), join };
}

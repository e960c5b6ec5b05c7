// Entries of the cache as files, one an entry, named by its key. Files appear whole or not at all.

import { entryOf, entryText, type StoredEntry } from "./entries.ts";

const extension = ".kern-cache.json";

export class EntryFolder {
  private readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  async read(key: string): Promise<StoredEntry | undefined> {
    const { join, readFile } = files();
    const text = await readFile(join(this.directory, key + extension), "utf8").catch(() => undefined);
    return text === undefined ? undefined : entryOf(text);
  }

  /** A directory that can't be written to makes the next process slower, and no call fail. */
  async write(key: string, entry: StoredEntry): Promise<void> {
    const { join, mkdir, rename, rm, writeFile } = files();
    const temporary = join(
      this.directory,
      `.${key}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`,
    );
    try {
      await mkdir(this.directory, { recursive: true });
      await writeFile(temporary, entryText(entry));
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

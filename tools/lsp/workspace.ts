// The files that an editor has open, and those they import: what is typed counts, not what was saved. The library's modules, which lie
// in no folder, are written beside each other where an editor can open them.

import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { SourceFile } from "../../lang/source.ts";
import type { ModuleHost } from "../../lang/typed.ts";
import { libraryFile } from "../../stdlib/index.ts";
import { fileHost, readSource, sourcesBelow } from "../kernc/sources.ts";
import { version } from "../kernc/version.ts";
import { analyse, type Analysis } from "./analysis.ts";

/** So many files of a folder are searched for uses of a name. */
const searched = 500;

interface Open {
  readonly file: SourceFile;
  analysis?: Analysis;
}

export class Workspace {
  /** Folders that the editor has opened. */
  folders: readonly string[] = [];
  private readonly open = new Map<string, Open>();

  /** The text of a document as it is now; whatever was known of others that import it is forgotten. */
  set(uri: string, text: string): void {
    this.open.set(pathOf(uri), { file: { path: pathOf(uri), text } });
    this.forget();
  }

  close(uri: string): void {
    this.open.delete(pathOf(uri));
    this.forget();
  }

  /** Files on disk have changed. */
  forget(): void {
    for (const each of this.open.values()) each.analysis = undefined;
  }

  uris(): string[] {
    return [...this.open.values()].map(({ file }) => this.uriOf(file));
  }

  /** What is known of an open document. */
  analysis(uri: string): Analysis | undefined {
    const found = this.open.get(pathOf(uri));
    if (!found) return undefined;
    return (found.analysis ??= analyse(found.file, this.host(uri)));
  }

  /** Imports of a document: open files as they are in the editor, others as they are on disk. */
  host(uri: string): ModuleHost {
    return fileHost(pathOf(uri), { open: (path) => this.open.get(path)?.file });
  }

  /** Every Kern file in the folders, understood: the open ones as they are now. */
  everything(): Analysis[] {
    const paths = new Set(this.open.keys());
    for (const folder of this.folders)
      for (const path of sourcesBelow(folder).slice(0, searched)) paths.add(path);
    return [...paths].flatMap((path) => {
      const uri = pathToFileURL(path).href;
      const known = this.analysis(uri);
      if (known) return [known];
      try {
        return [analyse(readSource(path), this.host(uri))];
      } catch {
        // It has gone, or isn't text: nothing of it is to be found.
        return [];
      }
    });
  }

  /** Whether a file is the user's, and not the library's. */
  isOwn(file: SourceFile): boolean {
    return libraryName(file) === undefined;
  }

  uriOf(file: SourceFile): string {
    const name = libraryName(file);
    return pathToFileURL(name === undefined ? resolve(file.path) : libraryCopy(name)).href;
  }
}

/** A path of a document's URI; one that isn't saved yet has a name only. */
export function pathOf(uri: string): string {
  return uri.startsWith("file:") ? fileURLToPath(uri) : resolve(uri.replaceAll(/[^\w.-]+/g, "_"));
}

function libraryName(file: SourceFile): string | undefined {
  const name = /^std\/(\w+)\.kern$/.exec(file.path)?.[1];
  return name !== undefined && libraryFile(name) === file ? name : undefined;
}

const copies = new Map<string, string>();

/** Where a module of the library can be read. */
function libraryCopy(name: string): string {
  const known = copies.get(name);
  if (known !== undefined) return known;
  const path = join(realpathSync(tmpdir()), `kernc-${version}`, "std", `${name}.kern`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, libraryFile(name)!.text);
  copies.set(name, path);
  return path;
}

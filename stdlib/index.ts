// The standard library as source text, and the module host that resolves `std.…` imports to it.

import type { SourceFile } from "../lang/source.ts";
import type { ModuleHost } from "../lang/typed.ts";
import { sources } from "./library.gen.ts";

const files = new Map<string, SourceFile>();

/** The library file of a module `std.NAME`, always the same object, or undefined where there is none. */
export function libraryFile(name: string): SourceFile | undefined {
  const known = files.get(name);
  const text = Object.hasOwn(sources, name) ? sources[name] : undefined;
  if (known || text === undefined) return known;
  const file: SourceFile = { path: `std/${name}.kern`, text };
  files.set(name, file);
  return file;
}

/** Names of the library's modules: `math`, `linalg`, … */
export const libraryModules: readonly string[] = Object.keys(sources);

const modulesThere = `the modules of std are ${libraryModules.join(", ")}`;

/** Resolves `std.NAME` to the library and hands every other import on to `next`. */
export function libraryHost(next?: ModuleHost): ModuleHost {
  return {
    resolve(level, path, from) {
      if (level === 0 && path[0] === "std")
        return path.length === 2 ? (libraryFile(path[1]!) ?? { why: modulesThere }) : undefined;
      return next?.resolve(level, path, from);
    },
  };
}

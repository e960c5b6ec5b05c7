// Finds and reads .kern files: what the command line names, and what they import from each other.

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { SourceFile } from "../../lang/source.ts";
import type { ModuleHost } from "../../lang/typed.ts";
import { lockPath } from "../../compiler/tuning/lock.ts";
import { UsageError } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";

/** Why a file operation failed, in words. */
export function fileTrouble(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: "there is no such file",
    EISDIR: "it is a folder",
    ENOTDIR: "a part of its path is not a folder",
    EACCES: "I’m not allowed to",
    EPERM: "I’m not allowed to",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    EEXIST: "it exists already",
    ENAMETOOLONG: "the name is too long",
    EMFILE: "too many files are open",
    ERR_FS_FILE_TOO_LARGE: "it is larger than I can read",
  };
  return (code !== undefined && words[code]) || message;
}

export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw mistake("K0801", { path, why: fileTrouble(error) });
  }
}

/** The text of a source's lock file, or undefined where there is none. */
export function readLock(source: string): string | undefined {
  const path = lockPath(source);
  if (!existsSync(path)) return undefined;
  return new TextDecoder().decode(readBytes(path));
}

/** Reads a source file, which must be UTF-8 text. */
export function readSource(path: string): SourceFile {
  const bytes = readBytes(path);
  try {
    return { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    throw mistake("K0801", { path, why: "it is not UTF-8 text" });
  }
}

/** The .kern files that the arguments of a command name: files, and folders with all below them. */
export function findSources(command: string, paths: readonly string[]): string[] {
  if (paths.length === 0)
    throw new UsageError(`\`kernc ${command}\` needs a .kern file, or a folder of them`);
  const found = paths.flatMap((path) => {
    let isFolder: boolean;
    try {
      isFolder = statSync(path).isDirectory();
    } catch (error) {
      throw mistake("K0801", { path, why: fileTrouble(error) });
    }
    return isFolder ? sourcesBelow(path) : [path];
  });
  if (found.length === 0)
    throw mistake("K0801", { path: paths.join(", "), why: "there is no .kern file in it" });
  return [...new Set(found)];
}

/** The .kern files in a folder and below; hidden folders and installed packages are left out. */
export function sourcesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name.startsWith(".") || entry.name === "node_modules" ? [] : sourcesBelow(path);
    return entry.name.endsWith(".kern") ? [path] : [];
  });
}

/** `softmax.kern:softmax` as file and kernel. */
export function splitKernel(argument: string): { path: string; kernel?: string } {
  const at = argument.lastIndexOf(":");
  const kernel = argument.slice(at + 1);
  // A drive letter or a path behind the colon makes it part of the file's name.
  if (at < 2 || !/^[\p{L}_][\p{L}\p{N}_]*$/u.test(kernel)) return { path: argument };
  return { path: argument.slice(0, at), kernel };
}

export interface HostOptions {
  /** Hears the path of every file that an import asks for, there or not. */
  readonly looked?: (path: string) => void;
  /** A file that is open somewhere, whose text goes before what is on disk. */
  readonly open?: (path: string) => SourceFile | undefined;
}

/**
 * Imports between files: `.name` lies beside the importing file, `..name` a folder above, and none outside the
 * source root, which is the current folder, or the file's own if it lies elsewhere.
 */
export function fileHost(entry: string, { looked, open }: HostOptions = {}): ModuleHost {
  const known = new Map<string, SourceFile>();
  const here = process.cwd();
  const own = dirname(resolve(entry));
  const root = own === here || own.startsWith(here + sep) ? here : own;
  return {
    resolve(level, path, from) {
      if (level === 0 || path.length === 0) return undefined;
      const folder = join(dirname(resolve(from.path)), ...Array.from({ length: level - 1 }, () => ".."));
      const full = join(folder, ...path) + ".kern";
      const before = open?.(full) ?? known.get(full);
      if (before) return before;
      looked?.(full);
      if (!isInside(full, root)) return { why: `it lies outside the source root ${root}` };
      let text: string;
      try {
        if (!isInside(realpathSync(full), realpathSync(root)))
          return { why: "it is a link out of the source root" };
        text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(full));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        return { why: error instanceof TypeError ? "it is not UTF-8 text" : fileTrouble(error) };
      }
      const shown = relative(here, full);
      const file: SourceFile = { path: shown.startsWith("..") ? full : shown, text };
      known.set(full, file);
      return file;
    },
  };
}

function isInside(path: string, root: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

// Output files: checked before anything runs, and written so that an existing file is replaced only by a whole one.

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { KernError } from "../../runtime/error.ts";
import { writeNpy, writePng, type Tensor } from "../../runtime/index.ts";
import { namedValue, UsageError } from "./command.ts";
import { DiagnosticError, mistake } from "./diagnostic-error.ts";
import { fileTrouble } from "./sources.ts";

export interface Output {
  readonly name: string;
  readonly path: string;
}

/** Sorts `--out NAME=PATH`, and makes sure that every path can be written. */
export function planOutputs(specs: readonly string[]): Output[] {
  const outputs = specs.map((spec) => {
    const [name, path] = namedValue("out", spec);
    if (!/\.(npy|png)$/.test(path))
      throw mistake("K0808", { output: spec, why: "the file’s name must end in .npy or .png" });
    return { name, path };
  });
  for (const [at, { path }] of outputs.entries()) {
    if (outputs.slice(0, at).some((before) => resolve(before.path) === resolve(path)))
      throw new UsageError(`two outputs go to ${path}`);
    checkWritable(path);
  }
  return outputs;
}

/** Makes a folder and those that it lies in. */
export function makeFolder(path: string): void {
  try {
    // Node's `recursive` doesn't end where the system says of a folder that it can't be made because it isn't there, as /proc does.
    const missing: string[] = [];
    for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
    for (const each of missing)
      try {
        mkdirSync(each);
      } catch (error) {
        // Another process may have made it meanwhile.
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    if (!statSync(path).isDirectory()) throw mistake("K0802", { path, why: "it is a file" });
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    throw mistake("K0802", { path, why: fileTrouble(error) });
  }
}

/** Refuses a path in a folder that doesn't exist or may not be written to. */
export function checkWritable(path: string): void {
  const folder = dirname(resolve(path));
  try {
    if (!statSync(folder).isDirectory()) throw mistake("K0802", { path, why: `${folder} is not a folder` });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    if (error instanceof DiagnosticError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw mistake("K0802", {
      path,
      why: missing ? `there is no folder ${dirname(path)}` : fileTrouble(error),
    });
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw mistake("K0802", { path, why: "it is a folder" });
}

/** Refuses a path that can't be written, or whose name says that it is another kind of picture. */
export function checkPicture(path: string): void {
  if (!path.endsWith(".svg"))
    throw mistake("K0808", { output: path, why: "the picture’s name must end in .svg" });
  checkWritable(path);
}

/** A tensor as the bytes of a .npy or .png file. */
export async function encodeTensor(tensor: Tensor, path: string): Promise<Uint8Array> {
  try {
    return await (path.endsWith(".png") ? writePng(tensor) : writeNpy(tensor));
  } catch (error) {
    if (!(error instanceof KernError)) throw error;
    const { message, notes } = error.diagnostic;
    throw mistake("K0802", { path, why: message.replace(/^this is not .*? I can use: /, "") }, { notes });
  }
}

/** Writes files so that either all of them appear whole, or none. */
export function writeFiles(
  files: readonly { readonly path: string; readonly bytes: Uint8Array | string }[],
): void {
  const temporary: { from: string; to: string }[] = [];
  try {
    for (const { path, bytes } of files) {
      const from = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
      temporary.push({ from, to: path });
      writeFileSync(from, bytes);
    }
    for (const { from, to } of temporary) renameSync(from, to);
  } catch (error) {
    for (const { from } of temporary) rmSync(from, { force: true });
    throw mistake("K0802", { path: temporary.at(-1)?.to ?? "", why: fileTrouble(error) });
  }
}

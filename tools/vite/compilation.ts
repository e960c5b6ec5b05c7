// One `.kern` file on disk → its artifacts and manifest, and every file that they depend on. What was compiled is
// kept until one of those files says something else: a page and its server ask for the same file.

import { readFileSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import type { Artifact, Manifest, TargetName } from "../../compiler/artifact.ts";
import type { CompileOptions, Diagnostic } from "../../compiler/index.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { lockPath } from "../../compiler/tuning/lock.ts";
import { DiagnosticError, mistake } from "../kernc/diagnostic-error.ts";
import { manifestOf } from "../kernc/manifest.ts";
import { fileHost, readLock, readSource } from "../kernc/sources.ts";

/** What a compilation takes from the plugin's options. */
export interface CompilationOptions extends Pick<CompileOptions, "set" | "shape" | "features"> {
  /** `wasm` if nothing is said. */
  readonly target?: TargetName | readonly TargetName[];
}

export interface CompiledFile {
  readonly manifest: Manifest;
  readonly artifacts: readonly Artifact[];
}

export interface Outcome {
  /** Absent if the diagnostics have an error. */
  readonly compiled?: CompiledFile;
  readonly diagnostics: readonly Diagnostic[];
  /** Absolute paths of the files it imports, and of those that it looked for in vain. */
  readonly dependencies: readonly string[];
}

/** Compiles files with one set of options. */
export class FileCompiler {
  private readonly options: CompilationOptions;
  private readonly known = new Map<string, { texts: Map<string, string | undefined>; outcome: Outcome }>();

  constructor(options: CompilationOptions) {
    this.options = options;
  }

  /** Compiles the file at an absolute path; mistakes in it are part of the outcome. */
  async compile(path: string): Promise<Outcome> {
    const before = this.known.get(path);
    if (before && [...before.texts].every(([file, text]) => textAt(file) === text)) return before.outcome;
    const looked = new Set<string>();
    const texts = new Map([[path, textAt(path)]]);
    const outcome = await this.attempt(path, looked);
    for (const file of looked) texts.set(file, textAt(file));
    this.known.set(path, { texts, outcome });
    return outcome;
  }

  private async attempt(path: string, looked: Set<string>): Promise<Outcome> {
    const { checked, compile, CompileError, ownSettings } = await import("../../compiler/index.ts");
    const done = (diagnostics: readonly Diagnostic[], compiled?: CompiledFile): Outcome => ({
      compiled,
      diagnostics,
      dependencies: [...looked],
    });
    try {
      const file = readSource(shownPath(path));
      // Looked for even where there is none: one that is written later counts.
      looked.add(lockPath(path));
      const host = fileHost(path, { looked: (each) => looked.add(each) });
      const { set, shape } = this.options;
      const given = set || shape ? checked(file, { host }, new DiagnosticSink()) : undefined;
      const { artifacts, diagnostics, module } = await compile(file, {
        ...this.options,
        // They are for every file of the application, of which each has its own names.
        ...(given && ownSettings(given, this.options)),
        target: this.options.target ?? "wasm",
        // Code for threads runs on one as well, and a page that is isolated can share its phases.
        features: this.options.features ?? ["threads"],
        lock: readLock(path),
        host,
      });
      if (module.kernels.length === 0) throw mistake("K0806", { file: file.path });
      const manifest = manifestOf(basename(path, ".kern"), file, artifacts);
      return done(diagnostics, { artifacts, manifest });
    } catch (error) {
      if (error instanceof CompileError) return done(error.diagnostics);
      if (error instanceof DiagnosticError) return done([error.diagnostic]);
      throw error;
    }
  }
}

/** A path as messages show it: from the current folder, unless it lies outside. */
function shownPath(path: string): string {
  const shown = relative(process.cwd(), path);
  return shown.startsWith("..") ? path : shown;
}

/** The absolute path of a file that a diagnostic names. */
export function absolutePath(shown: string): string {
  return resolve(shown);
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

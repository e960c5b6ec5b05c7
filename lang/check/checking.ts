// Helpers of the checker's tests: sources as strings, modules that exist in memory, results as short text.

import type { SourceFile } from "../source.ts";
import { positionAt } from "../source.ts";
import { DiagnosticSink } from "../diagnostics/diagnostic.ts";
import type { InstanceRequest, ModuleHost, TKernel, TypedModule } from "../typed.ts";
import { checkModule } from "./index.ts";

/** A host whose modules are given by name: `std.math`, or the path of a file beside the importing one. */
export function memoryHost(files: Readonly<Record<string, string>>): ModuleHost {
  const known = new Map<string, SourceFile>();
  return {
    resolve(level, path) {
      if (level > 1) return { why: "it lies outside the source root" };
      const name = level === 0 ? path.join(".") : `${path.join("/")}.kern`;
      const text = files[name];
      if (text === undefined) return undefined;
      let file = known.get(name);
      if (!file) known.set(name, (file = { path: name, text }));
      return file;
    },
  };
}

export interface Checked {
  readonly module: TypedModule;
  readonly sink: DiagnosticSink;
  /** `K0301 5:9 message`, one a diagnostic. */
  readonly lines: readonly string[];
  instance(name: string, request?: InstanceRequest): TKernel;
}

export const miniMath = `
def exp[T: Float](x: T) -> T:
    return x + T(1)

def tanh[T: Float](x: T) -> T:
    return x

def sqrt[T: Float](x: T) -> T:
    return intrinsic.sqrt(x)
`;

export function checkSource(text: string, files: Readonly<Record<string, string>> = {}): Checked {
  const sink = new DiagnosticSink();
  const file: SourceFile = { path: "test.kern", text };
  const module = checkModule(file, memoryHost({ "std.math": miniMath, ...files }), sink);
  const lines = sink.all.map((found) => {
    const at = found.span && positionAt(found.span.file, found.span.start);
    return `${found.code} ${at ? `${at.line}:${at.column}` : "-"} ${found.message}`;
  });
  return {
    module,
    sink,
    lines,
    instance(name, request = {}) {
      const made = module.instantiate(name, request, sink);
      if (!made) throw new Error(`no instance of ${name}: ${sink.all.map((one) => one.message).join("; ")}`);
      return made;
    },
  };
}

// The commands by name. Each is loaded when it is called, so that `kernc check` costs no more than checking does.

import type { Command } from "./command.ts";

export interface Listed {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const commands: Readonly<Record<string, Listed>> = {
  check: {
    summary: "Report every mistake in .kern files",
    load: async () => (await import("./check.ts")).check,
  },
  compile: {
    summary: "Write artifacts, a manifest and typed bindings",
    load: async () => (await import("./compile.ts")).compileCommand,
  },
  run: {
    summary: "Run a kernel on files, numbers or random data",
    load: async () => (await import("./run.ts")).run,
  },
  verify: {
    summary: "Compare targets with the interpreter over awkward shapes",
    load: async () => (await import("./verify.ts")).verify,
  },
  test: { summary: "Run the test blocks of .kern files", load: async () => (await import("./test.ts")).test },
  explain: {
    summary: "Show schedule, proofs and emitted code, or an error code at length",
    load: async () => (await import("./explain.ts")).explain,
  },
  bench: {
    summary: "Check a kernel against the interpreter, then measure it",
    load: async () => (await import("./bench.ts")).bench,
  },
  tune: {
    summary: "Search the lists of values in a kernel’s annotations, or whole schedules",
    load: async () => (await import("./tune.ts")).tuneCommand,
  },
  fmt: { summary: "Format .kern files", load: async () => (await import("./fmt.ts")).fmt },
  new: {
    summary: "Start a project: a kernel and a program that calls it",
    load: async () => (await import("./new.ts")).newCommand,
  },
  lsp: {
    summary: "Serve an editor, over the Language Server Protocol",
    load: async () => (await import("./lsp.ts")).lsp,
  },
  onnx: {
    summary: "Run, inspect or quantize an ONNX model",
    load: async () => (await import("./onnx.ts")).onnx,
  },
};

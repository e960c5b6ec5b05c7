// Emission: kernels in nest form to one module of WebAssembly SIMD. The text is written here, the binary made by
// Binaryen.

import type { DiagnosticSink } from "../../../lang/diagnostics/diagnostic.ts";
import type { WasmLaunch, WasmPhase } from "../../artifact.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { AssertStmt, IrKernel } from "../../ir/ir.ts";
import { phases, type Phase } from "../../passes/phases.ts";
import { extentOf } from "../../passes/shares.ts";
import { toShapeExpr } from "../../shape-expr.ts";
import type { EmitOptions, Emitted, EmittedKernel } from "../target.ts";
import { assemble } from "./binaryen.ts";
import { exportFunction, layoutsOf, phaseFunction } from "./function.ts";
import { helperTexts } from "./helpers.ts";
import { scratchOf } from "./scratch.ts";

/** Features that change the code; others are no concern of this target. Dot products are told of in `dots.ts`. */
const known = ["threads", "relaxed-simd", "relaxed-dot", "relaxed-dot-u8", "relaxed-dot-i8"] as const;

/** The features among those asked for that a module's text makes use of. */
function featuresOf(text: string, asked: ReadonlySet<string>): WasmLaunch["features"] {
  const used = (name: (typeof known)[number]): boolean =>
    name === "threads" || text.includes(name === "relaxed-simd" ? ".relaxed_" : ".relaxed_dot_");
  return ["simd128", ...known.filter((name) => asked.has(name) && used(name))];
}

/** Emits one module for all kernels of a file. `loadAssembler` must be done. */
export function emitWasm(
  kernels: readonly IrKernel[],
  options: EmitOptions,
  _sink?: DiagnosticSink,
): Emitted {
  const features = new Set<string>(known.filter((name) => options.features?.includes(name)));
  const helpers = new Set<string>();
  const written = kernels.map((kernel) => writeKernel(kernel, features, helpers));
  const text = moduleText(
    [...[...helpers].map((name) => helperTexts[name]!), ...written.map((each) => each.text)],
    features,
  );
  const needed = featuresOf(text, features);
  const { binary, sourceMap } = assemble(text, {
    names: kernels.map((kernel) => kernel.name).join(", "),
    features,
    optimize: options.optimize ?? true,
  });
  const withFeatures = written.map((each) => ({
    ...each,
    launch: { ...(each.launch as WasmLaunch), features: needed },
  }));
  return { code: binary, sourceMap, text, kernels: withFeatures };
}

function moduleText(functions: readonly string[], features: ReadonlySet<string>): string {
  const memory = features.has("threads") ? "(memory $memory 1 65536 shared)" : "(memory $memory 1)";
  return `(module\n(import "env" "memory" ${memory})\n${functions.join("\n")}\n)\n`;
}

function writeKernel(source: IrKernel, features: ReadonlySet<string>, helpers: Set<string>): EmittedKernel {
  const notHonoured: NonNullable<EmittedKernel["notHonoured"]>[number][] = [];
  const { kernel, phases: list } = phases(source, {
    notHonoured: (annotation, why, span) => notHonoured.push({ annotation, why, span }),
  });
  const scratch = scratchOf(kernel);
  const asserts: AssertStmt[] = [];
  // An assert that unrolling or a second layout copied is one and the same check.
  const assertNumber = (assert: AssertStmt): number => {
    const at = asserts.findIndex((each) => each.message === assert.message && sameSpan(each, assert));
    return at >= 0 ? at : asserts.push(assert) - 1;
  };
  const context = { kernel, scratch, helpers, features, assertNumber };
  const functions = layoutsOf(kernel).flatMap((layout) =>
    list.map((phase, number) => phaseFunction(phase, number, layout, context)),
  );
  const launch: WasmLaunch = {
    kind: "wasm",
    phases: list.map((phase) => launchOf(kernel, phase)),
    workerScratch: scratch.worker,
    callScratch: scratch.call,
    // What the whole module needs is known when it's written.
    features: [],
  };
  const text = [...functions, exportFunction(kernel, list.length)].join("\n");
  return {
    name: kernel.name,
    launch,
    asserts: asserts.map(({ message, span }) => ({ message, span })),
    text,
    notHonoured,
  };
}

const sameSpan = (a: AssertStmt, b: AssertStmt): boolean =>
  a.span === b.span || (a.span?.file === b.span?.file && a.span?.start === b.span?.start);

/** How many iterations of a phase there are to share, over dims and scalar parameters. */
function launchOf(kernel: IrKernel, phase: Phase): WasmPhase {
  if (!phase.parallel) return { extent: 1, parallel: false };
  const shape = toShapeExpr(extentOf(kernel, phase));
  if (shape === undefined) return internalError("wasm", "the extent of a parallel loop isn't known");
  return { extent: shape, parallel: true };
}

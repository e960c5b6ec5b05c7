// What compiling gives and running takes: plain data that survives JSON (but for the code bytes), the same shape
// for every target. The runtime imports this file and nothing else of the compiler.

import type { Dtype } from "../lang/dtypes.ts";
import type { OpInputs } from "../lang/typed.ts";

export type { OpInputs } from "../lang/typed.ts";

export type TargetName = "wasm" | "wgsl" | "tsp";

/**
 * An integer or boolean expression over dims, scalar parameters and (launch rules only) extents, as JSON:
 * a number, a name, or an operator with operands. Booleans are 1 and 0. `//` and `%` floor.
 */
export type ShapeExpr = number | string | readonly [ShapeOp, ...ShapeExpr[]];
export type ShapeOp =
  | "+"
  | "-"
  | "*"
  | "//"
  | "%"
  | "min"
  | "max"
  | "<<"
  | ">>"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "and"
  | "or"
  | "not"
  | "select";

/** A place in a `.kern` source, one-based, for messages at run time. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line's text. */
  readonly text: string;
}

export interface TensorParam {
  readonly kind: "tensor";
  readonly name: string;
  readonly mode: "in" | "out" | "mut";
  readonly dtype: Dtype;
  /** One expression a dim; a bare name that `dims` binds to this axis is the binding place. */
  readonly shape: readonly ShapeExpr[];
}
export interface ScalarParam {
  readonly kind: "scalar";
  readonly name: string;
  readonly dtype: Dtype;
}
export type ParamSpec = TensorParam | ScalarParam;

/** A dimension: its value is axis `axis` of the argument for parameter number `param`. */
export interface DimSpec {
  readonly name: string;
  readonly param: number;
  readonly axis: number;
}

/** A clause that callers must meet, beyond dtypes, ranks and shapes. */
export interface Constraint {
  readonly expr: ShapeExpr;
  /** As the source says it: "N % 4 == 0". */
  readonly text: string;
  readonly place?: SourcePlace;
}

/** A run-time check that stayed in the code. A call that fails check number n (from 0) reports status n + 1. */
export interface AssertSpec {
  readonly message: string;
  readonly place?: SourcePlace;
}

export interface Signature {
  /** The kernel's name in the source. */
  readonly name: string;
  /** The name of this instance, by which the code exports it. */
  readonly instance: string;
  /** `kern::softmax` */
  readonly op?: string;
  /** Which inputs of a node the tensors are, where they aren't the first ones in order. */
  readonly opInputs?: OpInputs;
  readonly doc?: string;
  /** Compile-time parameters of this instance, printed: `{ T: "f32", relu: "true" }`. */
  readonly comptime: Readonly<Record<string, string>>;
  /** Rank that stands for each pack; the dims `S_0`, `S_1`, … of pack `S`. */
  readonly packs: Readonly<Record<string, number>>;
  readonly params: readonly ParamSpec[];
  readonly dims: readonly DimSpec[];
  readonly constraints: readonly Constraint[];
  readonly asserts: readonly AssertSpec[];
  /** Relative and absolute tolerance between targets for float results. */
  readonly tolerance: { readonly relative: number; readonly absolute: number };
}

/** One phase of a kernel; every worker or workgroup ends a phase before the next begins. */
export interface WasmPhase {
  /** Iterations of the phase's parallel loop, to be shared as [begin, end); 1 for a serial phase. */
  readonly extent: ShapeExpr;
  readonly parallel: boolean;
}
/** How the exported `instance(…)` of a WASM module is called; see the ABI in `spec/`. */
export interface WasmLaunch {
  readonly kind: "wasm";
  readonly phases: readonly WasmPhase[];
  /** Bytes of scratch for each worker, and for the call as a whole. */
  readonly workerScratch: ShapeExpr;
  readonly callScratch: ShapeExpr;
  /** What the module needs of the engine. */
  readonly features: readonly WasmFeature[];
}
/**
 * What an engine may have beyond plain WebAssembly: extensions of the instruction set, and what the relaxed dot product of
 * bytes was found to do. `relaxed-dot`: it is exact for bytes from 0 to 127 on the right; `relaxed-dot-u8`, `relaxed-dot-i8`:
 * for all bytes there, unsigned or signed.
 */
export type WasmFeature =
  "simd128" | "relaxed-simd" | "relaxed-dot" | "relaxed-dot-u8" | "relaxed-dot-i8" | "threads";

export interface WgslPhase {
  readonly entryPoint: string;
  readonly workgroupSize: readonly [number, number, number];
  /** Iterations of the parallel loops, flattened; `foldWorkgroups` says how many workgroups that takes. */
  readonly extent: ShapeExpr;
}
/** A storage buffer of group 0; its place in the list is its binding number. */
export interface WgslBinding {
  readonly name: string;
  readonly access: "read" | "read_write";
  /**
   * A tensor argument; scratch of one call, made by the caller; or the status word of run-time checks, which the
   * caller sets to 0 and reads afterwards: 0, or the number of a failed check plus 1.
   */
  readonly role: { readonly of: "param"; readonly param: number } | { readonly of: "scratch" | "status" };
  /** Bytes it takes, a multiple of 4 and never 0; for an argument, if it is contiguous and starts at offset 0. */
  readonly bytes: ShapeExpr;
}
/** One 32-bit word of the uniform. Strides and offsets count elements; scalars of 16 bits or less are widened. */
export interface UniformWord {
  readonly name: string;
  readonly dtype: "i32" | "u32" | "f32";
  readonly source:
    | { readonly of: "dim"; readonly param: number; readonly axis: number }
    | { readonly of: "stride"; readonly param: number; readonly axis: number }
    | { readonly of: "offset"; readonly param: number }
    | { readonly of: "scalar"; readonly param: number };
}
/** How many cells an array of the shader has, where that depends on dimensions. */
export interface WgslConstant {
  readonly name: string;
  /** As the module has it: `const NAME: i32 = DEFAULT;`. */
  readonly default: number;
  readonly value: ShapeExpr;
  /** What a value may be at most; absent where the device says so itself. */
  readonly most?: number;
  /** The array, by its name in the source. */
  readonly array: string;
  readonly place?: SourcePlace;
}
export interface WgslLaunch {
  readonly kind: "wgsl";
  /** To be dispatched in order, one dispatch each. */
  readonly phases: readonly WgslPhase[];
  /** Storage buffers in binding order: arguments, scratch, status. */
  readonly bindings: readonly WgslBinding[];
  /** Words of the uniform in order; its binding number is that behind the last storage buffer. Absent words: no uniform. */
  readonly uniform: readonly UniformWord[];
  /** Features that the device must have, by their WebGPU names. */
  readonly features: readonly string[];
  /** Constants of the module that the dimensions of a call decide; `sizedModule` gives the text with them. Absent: none. */
  readonly constants?: readonly WgslConstant[];
  /** Entry points, one a phase, to be taken instead where the arguments for these parameters all lie in vectors (`liesInVectors`). */
  readonly wide?: { readonly params: readonly number[]; readonly entryPoints: readonly string[] };
}

/** The text of a module in which the constants of a kernel are what a call's dims make of them. */
export function sizedModule(
  code: string,
  { constants = [] }: WgslLaunch,
  names: (name: string) => number,
): string {
  const declared = (name: string, value: number): string => `const ${name}: i32 = ${value};\n`;
  return constants.reduce(
    (text, { name, default: before, value }) =>
      text.replace(declared(name, before), declared(name, evaluateShape(value, names))),
    code,
  );
}

/**
 * Whether a tensor's elements can be taken four at a time: those of a row lie side by side, and rows begin at multiples of four
 * elements and are multiples of four long. Strides and offset count elements; strides of axes of extent 0 or 1 are row-major.
 */
export function liesInVectors({
  shape,
  strides,
  offset,
}: {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}): boolean {
  const last = shape.length - 1;
  if (last < 0 || shape.includes(0) || strides[last] !== 1) return false;
  return [shape[last]!, offset, ...strides.slice(0, last)].every((count) => count % 4 === 0);
}

/**
 * Workgroups in x and y for `extent` iterations in workgroups of `size`: a single row, or as few rows as keep
 * every dimension at or below `limit`. Invocation (x, y) of the grid runs iteration x + y * (workgroups in x) * size,
 * if there is one. Undefined where the iterations can't be counted in an i32.
 */
export function foldWorkgroups(
  extent: number,
  size: number,
  limit = 65535,
): readonly [number, number] | undefined {
  const groups = Math.ceil(extent / size);
  const rows = Math.max(1, Math.ceil(groups / limit));
  const columns = Math.ceil(groups / rows);
  return columns * rows * size < 2 ** 31 && rows <= limit ? [columns, rows] : undefined;
}

/** What was proved and what the target did with the annotations; `explain` and `verify` show it. */
export interface KernelReport {
  /** Accesses proved in bounds, and guards and asserts that stayed as run-time checks. */
  readonly proved: number;
  readonly runtimeChecks: number;
  /** Annotations that this target does not honour, and why. */
  readonly notHonoured: readonly {
    readonly annotation: string;
    readonly why: string;
    readonly place?: SourcePlace;
  }[];
  /** What the lock file said: values of lists in annotations, whether it had a schedule, and the sizes that it is for. */
  readonly tuned?: {
    readonly scheduled: boolean;
    readonly values: Readonly<Record<string, string>>;
    readonly shape: Readonly<Record<string, number>>;
  };
  /** Annotations that the compiler chose for nests without any, and the statements that they would stand before. */
  readonly schedule?: readonly { readonly annotation: string; readonly place?: SourcePlace }[];
}

export interface KernelArtifact {
  readonly signature: Signature;
  readonly launch: WasmLaunch | WgslLaunch;
  readonly report: KernelReport;
}

/** Everything compiled from one file for one target. */
export interface Artifact {
  readonly format: 1;
  readonly target: TargetName;
  /** The binary (WASM) or the text (WGSL: one module, all entry points). */
  readonly code: Uint8Array | string;
  readonly kernels: readonly KernelArtifact[];
  /** Source map (version 3, JSON) from WASM byte offsets to `.kern` lines. */
  readonly sourceMap?: string;
}

/** The file `NAME.manifest.json`: all targets of one source, without their code. */
export interface Manifest {
  readonly format: 1;
  readonly source: string;
  /** SHA-256 of the source text, hexadecimal. */
  readonly hash: string;
  readonly artifacts: readonly {
    readonly target: TargetName;
    readonly file: string;
    readonly kernels: readonly KernelArtifact[];
  }[];
}

/** Evaluates a shape expression; `names` holds dims and scalar parameters. */
export function evaluateShape(expr: ShapeExpr, names: (name: string) => number): number {
  if (typeof expr === "number") return expr;
  if (typeof expr === "string") return names(expr);
  const [operator, ...operands] = expr;
  if (operator === "and") return operands.every((part) => evaluateShape(part, names) !== 0) ? 1 : 0;
  if (operator === "or") return operands.some((part) => evaluateShape(part, names) !== 0) ? 1 : 0;
  if (operator === "select")
    return evaluateShape(evaluateShape(operands[0]!, names) ? operands[1]! : operands[2]!, names);
  const values = operands.map((part) => evaluateShape(part, names));
  return shapeOps[operator](values[0]!, values[1] ?? 0);
}

const shapeOps: Record<Exclude<ShapeOp, "and" | "or" | "select">, (a: number, b: number) => number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "//": (a, b) => Math.floor(a / b),
  "%": (a, b) => a - b * Math.floor(a / b),
  min: Math.min,
  max: Math.max,
  "<<": (a, b) => a * 2 ** b,
  ">>": (a, b) => Math.floor(a / 2 ** b),
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  "<=": (a, b) => Number(a <= b),
  ">": (a, b) => Number(a > b),
  ">=": (a, b) => Number(a >= b),
  not: (a) => Number(a === 0),
};

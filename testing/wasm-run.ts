// Runs an emitted kernel as the ABI says, without the runtime: arguments between canaries in a fresh memory, each
// phase in shares, results read back. The outcome has the interpreter's form, so that the two can be compared.

import { expect } from "vitest";
import { evaluateShape, type WasmLaunch } from "../compiler/artifact.ts";
import {
  interpret,
  makeTensor,
  type InterpretArgs,
  type Outcome,
  type TensorArg,
} from "../compiler/ir/interpret.ts";
import type { IrKernel, Scalar } from "../compiler/ir/ir.ts";
import { parseKernel } from "../compiler/ir/parse.ts";
import { allocate, readerOf } from "../compiler/ir/storage.ts";
import { verify } from "../compiler/ir/verify.ts";
import { loadAssembler } from "../compiler/targets/wasm/binaryen.ts";
import { emitWasm } from "../compiler/targets/wasm/emit.ts";
import type { Emitted } from "../compiler/targets/target.ts";
import { dtypeInfo, isFloat } from "../lang/dtypes.ts";

export interface WasmRunOptions {
  readonly features?: readonly string[];
  /** Into how many shares each parallel phase is cut, run last first. */
  readonly shares?: number;
  /** False: without Binaryen's optimiser, which takes most of the time. */
  readonly optimize?: boolean;
}

/** A module that is ready to be run. */
export interface WasmProgram {
  readonly kernel: IrKernel;
  readonly emitted: Emitted;
  readonly module: WebAssembly.Module;
}

/** Emits and compiles one kernel in text form. */
export async function wasmProgram(text: string, options: WasmRunOptions = {}): Promise<WasmProgram> {
  const kernel = parseKernel(text);
  verify(kernel, "the test");
  return programOf(kernel, options);
}

export async function programOf(kernel: IrKernel, options: WasmRunOptions = {}): Promise<WasmProgram> {
  await loadAssembler();
  const emitted = emitWasm([kernel], {
    features: options.features ?? [],
    optimize: options.optimize ?? true,
  });
  const module = new WebAssembly.Module(emitted.code as Uint8Array<ArrayBuffer>);
  return { kernel, emitted, module };
}

const canary = 0xa5;
const gap = 64;

/** Runs the kernel; checks that nothing outside the results was written. */
export function runWasm(program: WasmProgram, args: InterpretArgs, options: WasmRunOptions = {}): Outcome {
  const { kernel, emitted } = program;
  const launch = emitted.kernels[0]!.launch as WasmLaunch;
  const threads = launch.features.includes("threads");
  const tensors = kernel.params.map((param) =>
    param.kind === "tensor" ? tensorFor(param.buffer, kernel, args) : undefined,
  );
  const names = new Map<string, number>();
  for (const dim of kernel.dims) names.set(dim.name, tensors[dim.param]!.shape[dim.axis]!);
  const scalars: Scalar[] = [];
  for (const param of kernel.params)
    if (param.kind === "scalar") {
      scalars.push(args[param.name] as Scalar);
      names.set(param.name, Number(args[param.name]));
    }
  const size = (expr: WasmLaunch["workerScratch"]): number => evaluateShape(expr, (name) => names.get(name)!);
  const scratch = [size(launch.workerScratch), size(launch.callScratch)];
  const bytes = tensors.map((tensor) => tensor?.data.byteLength ?? 0);
  const total = [...bytes, ...scratch].reduce((sum, each) => sum + each + 2 * gap, 65536);
  const pages = Math.ceil(total / 65536) + 1;
  const memory = new WebAssembly.Memory(
    threads ? { initial: pages, maximum: 65536, shared: true } : { initial: pages },
  );
  const all = new Uint8Array(memory.buffer);
  all.fill(canary, 65536);
  let at = 65536;
  const place = (length: number): number => {
    const start = Math.ceil((at + gap) / 16) * 16;
    at = start + length;
    return start;
  };
  const starts = tensors.map((tensor, index) => {
    const start = place(bytes[index]!);
    if (tensor) all.set(raw(tensor), start);
    return start;
  });
  const scratchStarts = scratch.map(place);
  const instance = new WebAssembly.Instance(program.module, { env: { memory } });
  const call = instance.exports[kernel.name] as (...values: (number | bigint)[]) => number;
  const passed: (number | bigint)[] = [
    ...tensors.flatMap((tensor, index) =>
      tensor ? [starts[index]! + Math.floor((tensor.offset * dtypeInfo(tensor.dtype).bits) / 8)] : [],
    ),
    ...kernel.dims.map((dim) => names.get(dim.name)!),
    ...tensors.flatMap((tensor) => tensor?.strides ?? []),
    ...scalars.map((value) => (typeof value === "boolean" ? Number(value) : value)),
    ...scratchStarts,
  ];
  for (const [phase, { extent, parallel }] of launch.phases.entries()) {
    const count = parallel ? size(extent) : 1;
    const shares = parallel ? (options.shares ?? 1) : 1;
    for (let share = shares - 1; share >= 0; share--) {
      const cut = (n: number): number => Math.floor((count * n) / shares);
      const status = call(...passed, phase, cut(share), cut(share + 1));
      if (status !== 0) {
        const failed = emitted.kernels[0]!.asserts[status - 1]!;
        return { kind: "failed", message: failed.message, ...(failed.span && { span: failed.span }) };
      }
    }
  }
  const results: Record<string, TensorArg> = {};
  const written = new Uint8Array(all.length);
  kernel.params.forEach((param, index) => {
    const tensor = tensors[index];
    if (!tensor || param.kind !== "tensor") return;
    written.fill(1, starts[index]!, starts[index]! + bytes[index]!);
    const copy = all.slice(starts[index]!, starts[index]! + bytes[index]!);
    if (param.mode === "in") return expect(copy, `${param.buffer} was written`).toEqual(raw(tensor));
    const Constructor = tensor.data.constructor as new (buffer: ArrayBufferLike) => TensorArg["data"];
    results[param.buffer] = { ...tensor, data: new Constructor(copy.buffer) };
  });
  scratch.forEach((length, index) => written.fill(1, scratchStarts[index]!, scratchStarts[index]! + length));
  const touched = all.findIndex((byte, index) => index >= 65536 && byte !== canary && written[index] === 0);
  expect(touched, "memory outside of arguments and scratch was written").toBe(-1);
  return { kind: "done", results };
}

function raw(tensor: TensorArg): Uint8Array {
  return new Uint8Array(tensor.data.buffer as ArrayBuffer, tensor.data.byteOffset, tensor.data.byteLength);
}

function tensorFor(name: string, kernel: IrKernel, args: InterpretArgs): TensorArg {
  const given = args[name];
  if (typeof given === "object") return given;
  const { dtype, shape } = kernel.buffers.find((buffer) => buffer.name === name)!;
  const sizes = shape.map((extent) => {
    if (extent.kind === "const") return Number(extent.value);
    const dim = extent.kind === "ref" ? kernel.dims.find((each) => each.name === extent.name) : undefined;
    const param = dim && kernel.params[dim.param];
    if (param?.kind !== "tensor") throw new Error("the test's shapes are names and constants");
    return (args[param.buffer] as TensorArg).shape[dim!.axis]!;
  });
  const count = sizes.reduce((product, extent) => product * extent, 1);
  const data = allocate(dtype, count);
  new Uint8Array(data.buffer).fill(dtype === "bool" ? 1 : 0x5a);
  return makeTensor(dtype, sizes, data);
}

/** Runs the kernel on both and compares: bit for bit, or floats within a relative bound. */
export function sameAsInterpreter(
  program: WasmProgram,
  args: () => InterpretArgs,
  options: WasmRunOptions & { readonly tolerance?: number } = {},
): void {
  const want = interpret(program.kernel, args());
  const got = runWasm(program, args(), options);
  if (want.kind === "fault") expect.fail(`the kernel itself faults: ${want.why}`);
  if (want.kind === "failed" || got.kind !== "done") {
    expect(got.kind === "failed" && got.message).toBe(want.kind === "failed" && want.message);
    return;
  }
  for (const [name, tensor] of Object.entries(want.results)) {
    const other = got.results[name]!;
    if (options.tolerance && isFloat(tensor.dtype)) closeTo(tensor, other, options.tolerance, name);
    else expect(texts(other), name).toEqual(texts(tensor));
  }
}

function closeTo(want: TensorArg, got: TensorArg, tolerance: number, name: string): void {
  const read = readerOf(want.dtype);
  want.data.forEach((_, at) => {
    const [a, b] = [Number(read(want.data, at)), Number(read(got.data, at))];
    const near = Object.is(a, b) || Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a));
    if (!near) expect.fail(`${name}[${at}] is ${b}, not ${a}`);
  });
}

// NaNs of any payload are one value, and the bits behind the last packed element are nobody's.
function texts(tensor: TensorArg): readonly string[] {
  const read = readerOf(tensor.dtype);
  const count = tensor.shape.reduce((product, extent) => product * extent, 1);
  return Array.from({ length: count }, (_, at) => {
    const x = read(tensor.data, at);
    return Object.is(x, -0) ? "-0" : String(x);
  });
}

// Functions of one kernel: one for each phase and layout of the arguments, and the exported one that picks.

import type { AssertStmt, IrKernel } from "../../ir/ir.ts";
import { i32, ref } from "../../ir/ir.ts";
import { flattenAddresses, rowMajor, strideName, type Layout } from "../../passes/flatten-addresses.ts";
import { add } from "../../passes/fold.ts";
import type { Phase } from "../../passes/phases.ts";
import { shareOf } from "../../passes/shares.ts";
import { dropDead } from "../../passes/simplify/dead.ts";
import { pointerName, strengthReduce } from "../../passes/strength-reduce.ts";
import { dtypeInfo } from "../../../lang/dtypes.ts";
import {
  abiParams,
  beginName,
  callScratchName,
  endName,
  phaseName,
  tensorBuffers,
  workerScratchName,
  type AbiParam,
} from "./abi.ts";
import { scalarText } from "./expressions.ts";
import { scalarValue } from "./lanes.ts";
import type { Value } from "./representation.ts";
import type { Scratch } from "./scratch.ts";
import { writeBlock, type BodyScope } from "./statements.ts";
import { Writer } from "./writer.ts";

export interface FunctionContext {
  readonly kernel: IrKernel;
  readonly scratch: Scratch;
  readonly helpers: Set<string>;
  readonly features: ReadonlySet<string>;
  readonly assertNumber: (assert: AssertStmt) => number;
}

/** `$kernel.layout.phase`: the code of one phase for one layout. */
export function phaseFunction(
  phase: Phase,
  number: number,
  layout: Layout,
  context: FunctionContext,
): string {
  const { kernel, scratch } = context;
  const shared = shareOf(kernel, phase, ref(beginName, i32), ref(endName, i32));
  // What only addresses needed is gone: a loop whose variable nobody reads any more is counted down.
  const flat = dropDead(strengthReduce(flattenAddresses({ ...kernel, body: shared }, layout)));
  const w = new Writer(context.helpers, context.features);
  const params = phaseParams(kernel);
  const names = new Map<string, Value>();
  const declarations = params.map((param) => {
    const name = w.reserve(param.name);
    names.set(param.name, scalarValue(`(local.get ${name})`, param.dtype));
    return `(param ${name} ${param.type})`;
  });
  const buffers = new Map(kernel.buffers.map((buffer) => [buffer.name, buffer]));
  const scope: BodyScope = {
    w,
    names,
    buffers,
    assertNumber: context.assertNumber,
    bufferBytes: (buffer) => scratch.sizes.get(buffer)!,
  };
  for (const [buffer, offset] of scratch.offsets) {
    const area = buffers.get(buffer)!.space === "kernel" ? callScratchName : workerScratchName;
    const address = scalarText(add(ref(area, i32), offset), scope);
    const local = w.local("i32", pointerName(buffer));
    w.push(`(local.set ${local} ${address})`);
    names.set(pointerName(buffer), scalarValue(`(local.get ${local})`, "i32"));
  }
  writeBlock(flat.body, scope);
  return `(func ${phaseFunctionName(kernel, number, layout)} ${declarations.join(" ")} (result i32)
${w.locals.join("\n")}
${w.prologue}
${w.text}
(i32.const 0))`;
}

const phaseFunctionName = (kernel: IrKernel, number: number, layout: Layout): string =>
  `$${kernel.name}.${layout}.${number}`;

/** All parameters but the phase. */
function phaseParams(kernel: IrKernel): readonly AbiParam[] {
  return abiParams(kernel).filter((param) => param.name !== phaseName);
}

/** The layouts that a kernel is compiled for; the last one takes anything. */
export function layoutsOf(kernel: IrKernel): readonly Layout[] {
  return strideTests(kernel, () => "").length > 0 ? ["inner", "strided"] : ["strided"];
}

/** The exported function: picks the layout by the strides, and the phase. */
export function exportFunction(kernel: IrKernel, phaseCount: number): string {
  const params = abiParams(kernel);
  const declared = params.map((param, at) => `(param $${at} ${param.type})`).join(" ");
  const number = (name: string): number => params.findIndex((param) => param.name === name);
  const passed = phaseParams(kernel)
    .map((param) => `(local.get $${number(param.name)})`)
    .join(" ");
  const get = (name: string): string => `(local.get $${number(name)})`;
  const calls = (layout: Layout): string =>
    Array.from({ length: phaseCount }, (_, phase) => {
      const call = `(return (call ${phaseFunctionName(kernel, phase, layout)} ${passed}))`;
      return phaseCount === 1 ? call : `(if (i32.eq ${get(phaseName)} (i32.const ${phase})) (then ${call}))`;
    }).join("\n  ");
  const [first, general] = layoutsOf(kernel);
  const choose = (): string => {
    const all = strideTests(kernel, get).reduce((a, b) => `(i32.and ${a} ${b})`);
    return `(if ${all} (then\n  ${calls(first!)}))\n  ${calls(general!)}`;
  };
  return `(func $${kernel.name} (export "${kernel.name}") ${declared} (result i32)
  ${general === undefined ? calls(first!) : choose()}
  (i32.const 0))`;
}

/** Conditions on the strides under which the code for dense rows is right. */
function strideTests(kernel: IrKernel, get: (name: string) => string): string[] {
  return tensorBuffers(kernel).flatMap((buffer) => {
    if (dtypeInfo(buffer.dtype).bits < 8) return [];
    return rowMajor(buffer.shape).flatMap((stride, axis) =>
      stride.kind === "const"
        ? [`(i32.eq ${get(strideName(buffer, axis))} (i32.const ${stride.value}))`]
        : [],
    );
  });
}

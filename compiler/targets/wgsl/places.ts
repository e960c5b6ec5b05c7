// Where a kernel's buffers are: their names and layouts in WGSL, the bindings of arguments and scratch, and the sizes of local arrays,
// known or decided by each call.

import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { ShapeExpr, WgslBinding, WgslConstant } from "../../artifact.ts";
import type { Buffer, Expr, IrKernel } from "../../ir/ir.ts";
import { visitBlock } from "../../ir/walk.ts";
import { toShapeExpr } from "../../shape-expr.ts";
import { placeOf } from "../../signature.ts";
import { bytesHeld, placeOfArray } from "./checks.ts";
import type { Place } from "./expressions.ts";
import type { HelperSet } from "./helpers.ts";
import { limits } from "./limits.ts";
import type { NameSpace } from "./names.ts";
import type { WidePrepared } from "./prepare.ts";
import { constantSize, sizeOf as elementsOf, type Count } from "./sizes.ts";
import { bufferName, Storage } from "./storage.ts";
import type { Halves } from "./types.ts";
import { offsetName, strideName } from "./uniform.ts";
import type { VectorArrays } from "./vector-arrays.ts";

/** What the kernels of a module share. */
export interface ModuleScope {
  readonly helpers: HelperSet;
  /** Names of declarations. */
  readonly names: NameSpace;
}

/** Every buffer of the kernel, and those declared by the module by their names in WGSL, in binding order. */
export function placesOf(
  kernel: IrKernel,
  module: ModuleScope,
  give: (wish: string) => string,
  shared: ReadonlySet<string>,
  arrays: VectorArrays,
  sizing: Sizing,
): { readonly places: Map<string, Place>; readonly variables: Map<string, Storage> } {
  const written = new Set(
    kernel.params.flatMap((param) => (param.kind === "tensor" && param.mode !== "in" ? [param.buffer] : [])),
  );
  const atomic = new Set<string>();
  visitBlock(kernel.body, (stmt) => stmt.kind === "store" && stmt.atomic && atomic.add(stmt.buffer));
  const places = new Map<string, Place>();
  const variables = new Map<string, Storage>();
  const make = (buffer: Buffer): void => {
    const { name, space, shape } = buffer;
    const local = space === "local" || space === "panel";
    const usage = {
      written: written.has(name),
      atomic: atomic.has(name),
      size: local ? countOf(buffer, arrays.get(name), shared.has(name), sizing) : undefined,
      shared: shared.has(name),
      lanes: arrays.get(name),
    };
    const given = give(bufferName(buffer, usage, module.helpers.halves));
    const storage = new Storage(buffer, given, usage, module.helpers, give);
    const strides = shape.map((_, axis) => strideName(name, axis));
    places.set(
      name,
      space === "param" ? { buffer, storage, strides, offset: offsetName(name) } : { buffer, storage },
    );
    if (!local) variables.set(given, storage);
  };
  // Arguments first, in their order; then scratch; local arrays are declared where they come to life.
  const order = kernel.params.flatMap((param) => (param.kind === "tensor" ? [param.buffer] : []));
  for (const name of order) make(bufferNamed(kernel, name));
  for (const space of ["kernel", "local", "panel"])
    kernel.buffers.filter((buffer) => buffer.space === space).forEach(make);
  return { places, variables };
}

/** What sizes of arrays become, where calls decide them. */
export interface Sizing {
  readonly kernel: IrKernel;
  readonly halves: Halves;
  readonly give: (wish: string) => string;
  readonly constants: WgslConstant[];
}

/** The cells of a local array: a number, or a new constant of the module that calls decide. */
function countOf(
  buffer: Buffer,
  lanes = 1,
  shared: boolean,
  { kernel, halves, give, constants }: Sizing,
): Count {
  const known = constantSize(buffer.shape);
  if (known !== undefined) return known / lanes;
  const size = elementsOf(buffer.shape) ?? internalError("wgsl", `the size of ${buffer.name} is no shape`);
  const name = give(`${buffer.name}_size`);
  const most = Math.floor(limits.functionBytes / bytesHeld(buffer.dtype, halves, lanes) / lanes);
  constants.push({
    name,
    default: Math.min(defaultCells, most),
    value: lanes === 1 ? size : ["//", size, lanes],
    // What a workgroup may share depends on the device, which refuses more by itself.
    ...(!shared && { most }),
    array: buffer.name,
    place: placeOf(placeOfArray(buffer, kernel)),
  });
  return name;
}

/** So that the text is a valid module as it is: enough for the constant subscripts that it may have. */
const defaultCells = 1024;

/** The buffers as other code sees them, and by the names of the bindings, the arguments that lie in vectors there. */
export function placesInVectors(
  { kernel, entries, arrays, buffers }: WidePrepared,
  places: ReadonlyMap<string, Place>,
  module: ModuleScope,
  give: (wish: string) => string,
  sizing: Sizing,
): { readonly places: Map<string, Place>; readonly arguments: ReadonlyMap<string, Storage> } {
  const shared = new Set(entries.flatMap(({ together }) => [...(together?.shared ?? [])]));
  const own = new Map(places);
  const args = new Map<string, Storage>();
  for (const buffer of kernel.buffers) {
    const { name, space } = buffer;
    const local = space === "local" || space === "panel";
    if (!local && !buffers.has(name)) continue;
    const before = places.get(name) ?? internalError("wgsl", `no buffer ${name}`);
    const usage = {
      written: false,
      atomic: false,
      size: local ? countOf(buffer, arrays.get(name), shared.has(name), sizing) : undefined,
      shared: shared.has(name),
      lanes: arrays.get(name),
    };
    // What one invocation has for itself is declared in functions, which don't meet.
    const variable = local && !shared.has(name) ? before.storage.name : give(`${name}_wide`);
    const storage = new Storage(buffer, variable, usage, module.helpers, give);
    own.set(name, { ...before, buffer, storage });
    if (!local) args.set(before.storage.name, storage);
  }
  return { places: own, arguments: args };
}

function bufferNamed(kernel: IrKernel, name: string): Buffer {
  return kernel.buffers.find((buffer) => buffer.name === name) ?? internalError("wgsl", `no buffer ${name}`);
}

export function bindingsOf(
  kernel: IrKernel,
  places: ReadonlyMap<string, Place>,
  status: string | undefined,
): WgslBinding[] {
  const bindings: WgslBinding[] = [];
  const bytes = ({ buffer, storage }: Place): ShapeExpr => {
    const elements = buffer.shape.map(shapeExpr).reduce((product, extent) => ["*", product, extent], 1);
    return ["*", ["max", ["//", ["+", ["*", elements, storage.elementBits], 31], 32], 1], 4];
  };
  kernel.params.forEach((param, at) => {
    if (param.kind !== "tensor") return;
    const place = places.get(param.buffer) ?? internalError("wgsl", `no buffer ${param.buffer}`);
    const access = param.mode === "in" ? "read" : "read_write";
    bindings.push({
      name: place.storage.name,
      access,
      role: { of: "param", param: at },
      bytes: bytes(place),
    });
  });
  for (const place of places.values()) {
    if (place.buffer.space !== "kernel") continue;
    bindings.push({
      name: place.storage.name,
      access: "read_write",
      role: { of: "scratch" },
      bytes: bytes(place),
    });
  }
  if (status) bindings.push({ name: status, access: "read_write", role: { of: "status" }, bytes: 4 });
  return bindings;
}

function shapeExpr(extent: Expr): ShapeExpr {
  return toShapeExpr(extent) ?? internalError("wgsl", "a buffer's shape is not an expression over dims");
}

// How a buffer lies in memory, and how its elements are read, written and updated. Elements of 32 bits are words
// of an array, f16 is an array of f16 where a device has such; narrower ones share u32 words. A store into a shared word changes nothing
// but the element's own bits, atomically, so that neighbours may be written at the same time.

import { dtypeInfo, isFloat, valueDtype, type Dtype } from "../../../lang/dtypes.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { Buffer, StoreStmt } from "../../ir/ir.ts";
import { fromBits, rawBits } from "./conversions.ts";
import type { HelperSet } from "./helpers.ts";
import { applyOp } from "./ops.ts";
import type { Count } from "./sizes.ts";
import { binary, call, element, primary, type Text } from "./text.ts";
import { isWord, registerOf, type Halves, type Register } from "./types.ts";
import { laneOfWord, packed } from "./words.ts";

export type AtomicOp = NonNullable<StoreStmt["atomic"]>;

type Layout =
  /** `array<T, n>` of a function. */
  | { readonly kind: "local"; readonly element: Register; readonly size: Count; readonly lanes?: number }
  /** One element a word, or an f16; or a vector. */
  | { readonly kind: "plain"; readonly element: "f32" | "f16" | "i32" | "u32"; readonly lanes?: number }
  /** One element a word that is updated atomically; floats by their bits. */
  | { readonly kind: "atomic"; readonly element: "i32" | "u32"; readonly size?: Count }
  /** Two words an element, the lower one first. */
  | { readonly kind: "pair" }
  /** Several elements a u32. */
  | { readonly kind: "packed"; readonly bits: number; readonly atomic: boolean };

/** How a kernel uses a buffer; decides its layout. */
export interface Usage {
  readonly written: boolean;
  readonly atomic: boolean;
  /** Cells of a local array: its elements, or the vectors that it lies in. */
  readonly size?: Count;
  /** Of an array, or an argument, that lies in vectors. */
  readonly lanes?: number;
  /** Whether it lies in workgroup memory. */
  readonly shared?: boolean;
}

/** A buffer in WGSL. `functions` collects the accessor functions that emitted code calls. */
export class Storage {
  readonly name: string;
  readonly dtype: Dtype;
  readonly functions = new Map<string, string>();
  private readonly layout: Layout;
  private readonly helpers: HelperSet;
  private readonly names = new Map<Accessor, string>();

  constructor(
    buffer: Buffer,
    name: string,
    usage: Usage,
    helpers: HelperSet,
    nameFor: (wish: string) => string,
  ) {
    this.name = name;
    this.dtype = buffer.dtype;
    this.layout = layoutOf(buffer, usage, helpers.halves);
    this.helpers = helpers;
    // All names are given before any function body is written, so that no value there hides an accessor.
    for (const kind of accessorsOf(this.layout, usage)) this.names.set(kind, nameFor(`${kind}_${name}`));
  }

  /** The type of the whole buffer. */
  get type(): string {
    switch (this.layout.kind) {
      case "local":
        return `array<${this.cellType}, ${this.layout.size}>`;
      case "plain":
        return `array<${this.cellType}>`;
      case "atomic":
        return `array<atomic<${this.layout.element}>${this.layout.size === undefined ? "" : `, ${this.layout.size}`}>`;
      case "pair":
        return "array<u32>";
      case "packed":
        return this.layout.atomic ? "array<atomic<u32>>" : "array<u32>";
    }
  }

  /** Whether an element lies in memory as the number that WGSL computes with. */
  get isPlainNumber(): boolean {
    const { kind } = this.layout;
    return (kind === "local" || kind === "plain") && ["f32", "i32", "u32"].includes(this.dtype);
  }

  /** Whether it is an array of its elements as they are, or of vectors of them. */
  get isPlain(): boolean {
    return this.layout.kind === "plain";
  }

  /** Lanes of the vectors that a buffer is made of. */
  get lanes(): number | undefined {
    const { layout } = this;
    return layout.kind === "local" || layout.kind === "plain" ? layout.lanes : undefined;
  }

  /** The type of a buffer's elements, or of the vectors that hold them. */
  get cellType(): string {
    if (this.layout.kind !== "local" && this.layout.kind !== "plain")
      return internalError("wgsl", `${this.name} doesn't hold elements as they are`);
    const { element, lanes } = this.layout;
    return lanes === undefined || this.holdsWords ? element : `vec${lanes}<${element}>`;
  }

  /** Whether its vectors are bytes in words. */
  get holdsWords(): boolean {
    const { lanes } = this;
    return lanes !== undefined && isWord({ dtype: this.dtype, lanes });
  }

  /** A vector of it, with the same element in every lane. */
  filled(one: Text): Text {
    return this.holdsWords ? packed([one], this.dtype, this.helpers) : call(this.cellType, one);
  }

  /** An element of one of its vectors. */
  laneOf(vector: Text, lane: Text): Text {
    if (this.holdsWords) return laneOfWord(vector, lane, this.dtype);
    return /^[0-3]$/.test(lane.text)
      ? primary(`${vector.text}.${"xyzw"[Number(lane.text)]}`)
      : element(vector.text, lane);
  }

  /** Bits of storage that an element takes. */
  get elementBits(): number {
    if (this.layout.kind === "packed") return this.layout.bits;
    if (this.layout.kind === "pair") return 64;
    if (this.holdsWords) return 8;
    return this.layout.kind === "plain" && this.layout.element === "f16" ? 16 : 32;
  }

  /** The elements of a local array, or its vectors. */
  get localSize(): Count | undefined {
    return this.layout.kind === "local" || this.layout.kind === "atomic" ? this.layout.size : undefined;
  }

  load(at: Text): Text {
    const { layout } = this;
    switch (layout.kind) {
      case "local":
        return element(this.name, at);
      case "plain":
        return this.fromCell(element(this.name, at));
      case "atomic":
        return this.fromCell(call("atomicLoad", primary(`&${this.name}[${at.text}]`)));
      case "pair":
        return call(
          this.accessor("load", () => this.loadPair()),
          at,
        );
      case "packed":
        return call(
          this.accessor("load", () => this.loadFunction(layout.bits, layout.atomic)),
          at,
        );
    }
  }

  /** A statement that writes one element. */
  store(at: Text, value: Text): string {
    const { layout } = this;
    switch (layout.kind) {
      case "local":
        return `${this.name}[${at.text}] = ${value.text};`;
      case "plain":
        return `${this.name}[${at.text}] = ${this.toCell(value).text};`;
      case "atomic":
        return `${call("atomicStore", primary(`&${this.name}[${at.text}]`), this.toCell(value)).text};`;
      case "pair":
        return `${
          call(
            this.accessor("store", () => this.storePair()),
            at,
            value,
          ).text
        };`;
      case "packed":
        return `${
          call(
            this.accessor("store", () => this.storeFunction(layout.bits)),
            at,
            value,
          ).text
        };`;
    }
  }

  /** A statement that makes one element op(element, value), indivisibly where others could come between. */
  update(op: AtomicOp, at: Text, value: Text): string {
    const { layout } = this;
    if (layout.kind === "local") return this.store(at, this.apply(op, this.load(at), value));
    if (layout.kind === "plain" || layout.kind === "pair")
      return internalError("wgsl", `${this.name} is updated atomically but not laid out so`);
    const direct = layout.kind === "atomic" && registerOf(this.dtype) === layout.element && this.wordSized;
    if (direct) {
      const name = `atomic${op[0]!.toUpperCase()}${op.slice(1)}`;
      return `${call(name, primary(`&${this.name}[${at.text}]`), value).text};`;
    }
    const update = this.accessor(`atomic_${op}`, () => this.updateFunction(op));
    return `${call(update, at, value).text};`;
  }

  private get wordSized(): boolean {
    return dtypeInfo(this.dtype).bits === 32;
  }

  /** A bool in a word is 0 or 1, a float in an atomic word its bits; all else is itself. */
  private fromCell(cell: Text): Text {
    if (this.dtype === "bool") return binary("!=", cell, primary("0u"));
    return this.layout.kind === "atomic" && isFloat(this.dtype)
      ? fromBits(cell, this.dtype, this.helpers)
      : cell;
  }
  private toCell(value: Text): Text {
    if (this.dtype === "bool") return call("u32", value);
    return this.layout.kind === "atomic" && isFloat(this.dtype)
      ? rawBits(value, this.dtype, this.helpers)
      : value;
  }

  private apply(op: AtomicOp, element: Text, value: Text): Text {
    const dtype = valueDtype(this.dtype);
    return applyOp(op, [element, value], { operand: dtype, result: dtype, helpers: this.helpers });
  }

  // ---- accessor functions ----

  /** The name of the function `kind`, made by `write` at the first use. */
  private accessor(kind: Accessor, write: () => (name: string) => string): string {
    const name = this.names.get(kind) ?? internalError("wgsl", `${this.name} has no accessor ${kind}`);
    if (!this.functions.has(name)) this.functions.set(name, write()(name));
    return name;
  }

  private get register(): Register {
    return registerOf(valueDtype(this.dtype), this.helpers.halves);
  }

  private loadPair(): (name: string) => string {
    return (name) => `\
fn ${name}(at: i32) -> vec2<u32> {
    return vec2<u32>(${this.name}[2 * at], ${this.name}[2 * at + 1]);
}`;
  }

  private storePair(): (name: string) => string {
    return (name) => `\
fn ${name}(at: i32, value: vec2<u32>) {
    ${this.name}[2 * at] = value.x;
    ${this.name}[2 * at + 1] = value.y;
}`;
  }

  private loadFunction(bits: number, atomic: boolean): (name: string) => string {
    const word = `${this.name}[${wordOf("at", bits)}]`;
    const read = atomic ? `atomicLoad(&${word})` : word;
    const shift = shiftOf("at", bits);
    return (name) => `\
fn ${name}(at: i32) -> ${this.register} {
    return ${this.decode(primary(read), shift, bits).text};
}`;
  }

  private storeFunction(bits: number): (name: string) => string {
    const word = `${this.name}[word]`;
    return (name) => `\
// Flips those bits of the element that differ, and no others: neighbours in the word may be written meanwhile.
fn ${name}(at: i32, value: ${this.register}) {
    let word = ${wordOf("at", bits)};
    let shift = ${shiftOf("at", bits).text};
    let mask = ${maskOf(bits)} << shift;
    let bits = ${rawBits(primary("value"), this.bitsDtype, this.helpers).text};
    atomicXor(&${word}, (atomicLoad(&${word}) ^ (bits << shift)) & mask);
}`;
  }

  private updateFunction(op: AtomicOp): (name: string) => string {
    const bits = this.layout.kind === "packed" ? this.layout.bits : 32;
    const packed = bits < 32;
    const value = primary("value");
    const old = packed ? this.decode(primary("old"), primary("shift"), bits) : this.fromCell(primary("old"));
    const next = this.apply(op, old, value);
    const steps = packed
      ? `\
        let bits = ${rawBits(next, this.bitsDtype, this.helpers).text};
        let changed = (old & ~mask) | ((bits << shift) & mask);
`
      : `        let changed = ${this.toCell(next).text};\n`;
    const place = packed
      ? `\
    let word = ${wordOf("at", bits)};
    let shift = ${shiftOf("at", bits).text};
    let mask = ${maskOf(bits)} << shift;
`
      : "    let word = at;\n";
    return (name) => `\
// Tries again until no other invocation came between.
fn ${name}(at: i32, value: ${this.register}) {
${place}    var old = atomicLoad(&${this.name}[word]);
    loop {
${steps}        let result = atomicCompareExchangeWeak(&${this.name}[word], old, changed);
        if (result.exchanged) {
            break;
        }
        old = result.old_value;
    }
}`;
  }

  /** The dtype whose bits are stored: values of sub-byte buffers are i32. */
  private get bitsDtype(): Dtype {
    return valueDtype(this.dtype);
  }

  /** The element that begins at bit `shift` of a word. */
  private decode(word: Text, shift: Text, bits: number): Text {
    const { kind } = dtypeInfo(this.dtype);
    const width = primary(`${bits}u`);
    if (kind === "int") return call("extractBits", call("bitcast<i32>", word), shift, width);
    if (kind === "float") return fromBits(binary(">>", word, shift), this.dtype, this.helpers);
    const raw = call("extractBits", word, shift, width);
    if (kind === "bool") return binary("!=", raw, primary("0u"));
    return this.register === "i32" ? call("bitcast<i32>", raw) : raw;
  }
}

const perWord = (bits: number): number => 32 / bits;
const wordOf = (at: string, bits: number): string => `${at} >> ${Math.log2(perWord(bits))}u`;
const shiftOf = (at: string, bits: number): Text =>
  binary("<<", call("u32", primary(`${at} & ${perWord(bits) - 1}`)), primary(`${Math.log2(bits)}u`));
const maskOf = (bits: number): string => `0x${(2 ** bits - 1).toString(16)}u`;

/** What accessor functions call their own values. */
const accessorValues: ReadonlySet<string> = new Set([
  "at",
  "value",
  "word",
  "shift",
  "mask",
  "bits",
  "old",
  "changed",
  "result",
]);

/** The name to ask for: a buffer that functions access must not be hidden by values in them. */
export const bufferName = (buffer: Buffer, usage: Usage, halves: Halves): string =>
  accessorValues.has(buffer.name) && accessorsOf(layoutOf(buffer, usage, halves), usage).length > 0
    ? `${buffer.name}_words`
    : buffer.name;

type Accessor = "load" | "store" | `atomic_${AtomicOp}`;

function accessorsOf(layout: Layout, usage: Usage): readonly Accessor[] {
  const elements: readonly Accessor[] =
    layout.kind === "packed" || layout.kind === "pair" ? ["load", "store"] : [];
  const updates: readonly Accessor[] = usage.atomic
    ? ["atomic_add", "atomic_min", "atomic_max", "atomic_and", "atomic_or", "atomic_xor"]
    : [];
  return [...elements, ...updates];
}

function layoutOf(buffer: Buffer, { atomic, written, size, shared, lanes }: Usage, halves: Halves): Layout {
  const register = registerOf(valueDtype(buffer.dtype), halves);
  if (shared && atomic && size !== undefined)
    return { kind: "atomic", element: register === "i32" ? "i32" : "u32", size };
  const isWords = lanes !== undefined && isWord({ dtype: buffer.dtype, lanes });
  if (buffer.space === "local" || buffer.space === "panel")
    return {
      kind: "local",
      element: isWords ? "u32" : register,
      size: size ?? internalError("wgsl", `${buffer.name} has no size`),
      ...(lanes !== undefined && { lanes }),
    };
  const { bits } = dtypeInfo(buffer.dtype);
  if (register === "vec2<u32>") return { kind: "pair" };
  if (isWords) return { kind: "plain", element: "u32", lanes };
  if (buffer.space === "param") {
    if (bits < 32 && (register !== "f16" || atomic)) return { kind: "packed", bits, atomic: written };
  } else if (buffer.dtype === "f16" && atomic) {
    return { kind: "packed", bits, atomic: true };
  }
  // Scratch has room for a word an element.
  const cell = register === "bool" ? "u32" : register;
  if (!atomic) return { kind: "plain", element: cell, ...(lanes !== undefined && { lanes }) };
  return { kind: "atomic", element: cell === "i32" ? "i32" : "u32" };
}

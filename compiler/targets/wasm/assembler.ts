// Reads a module's text and builds Binaryen's tree of it, call by call. It takes what this target writes: folded
// instructions over named locals, labels and functions, one memory. Binaryen's own parser takes anything, and several times as long.

import type binaryenDefault from "binaryen";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import { Reader, type Place } from "./reader.ts";

type Binaryen = typeof binaryenDefault;
export type Module = ReturnType<Binaryen["parseText"]>;
/** An expression of the tree, a type: both are numbers to Binaryen. */
type Ref = number;
type Make = (...args: readonly unknown[]) => Ref;

/** What stands between an instruction's name and its closing bracket becomes an expression. */
type Instruction = () => Ref;

/** A function's name and the type of its result. */
const functionHeads = /\(func \$(\S+)(?:\s*\((?:export|param) [^()]*\))*(?:\s*\(result (\w+)\))?/g;

interface Local {
  readonly index: number;
  readonly type: Ref;
}

/** A module of Binaryen’s. */
export interface Built {
  /** The caller disposes of it. */
  readonly module: Module;
  /** Locals of the function that has most. */
  readonly mostLocals: number;
}

/** The module that a text describes. */
export const moduleOf = (binaryen: Binaryen, text: string): Built => new Assembler(binaryen, text);

class Assembler implements Built {
  readonly module: Module;
  mostLocals = 0;
  private readonly reader: Reader;
  private readonly binaryen: Binaryen;
  private readonly instructions = new Map<string, Instruction>();
  private readonly types: ReadonlyMap<string, Ref>;
  private locals = new Map<string, Local>();
  /** Expressions of the function being read, and where in the source they are from. */
  private places: { readonly expression: Ref; readonly place: Place }[] = [];
  private readonly files = new Map<string, number>();
  /** What functions give. */
  private readonly results: ReadonlyMap<string, Ref>;

  constructor(binaryen: Binaryen, text: string) {
    this.binaryen = binaryen;
    this.reader = new Reader(text);
    const { i32, i64, f32, f64, v128 } = binaryen;
    this.types = new Map(Object.entries({ i32, i64, f32, f64, v128 }));
    this.results = new Map(
      Array.from(text.matchAll(functionHeads), ([, name, result]) => [
        name!,
        result === undefined ? binaryen.none : this.types.get(result)!,
      ]),
    );
    const { reader } = this;
    reader.open("module");
    // The import with the limits of its memory can't be said in calls.
    this.module = binaryen.parseText(`(module ${reader.raw()})`);
    try {
      while (!reader.closes()) {
        reader.open("func");
        this.func();
      }
    } catch (error) {
      this.module.dispose();
      throw error;
    }
  }

  private func(): void {
    const { reader, binaryen } = this;
    const name = reader.name();
    this.locals = new Map();
    this.places = [];
    reader.place = undefined;
    const [params, vars, exported]: [Ref[], Ref[], string[]] = [[], [], []];
    const result = this.resultOf(name);
    const declare = (list: Ref[]): void => {
      const local = reader.name();
      const type = this.type();
      this.locals.set(local, { index: params.length + vars.length, type });
      list.push(type);
      reader.close();
    };
    const body: Ref[] = [];
    while (!reader.closes()) {
      const word = reader.openAny();
      if (word === "param") declare(params);
      else if (word === "local") declare(vars);
      else if (word === "export") exported.push(reader.string());
      else if (word === "result") {
        this.type();
        reader.close();
      } else body.push(this.instruction(word));
    }
    const { module } = this;
    this.mostLocals = Math.max(this.mostLocals, vars.length);
    const made = module.addFunction(name, binaryen.createType(params), result, vars, this.sequence(body));
    for (const each of exported) module.addFunctionExport(name, each);
    for (const { expression, place } of this.places)
      module.setDebugLocation(made, expression, this.file(place.file), place.line, place.column);
  }

  private file(name: string): number {
    let index = this.files.get(name);
    if (index === undefined) this.files.set(name, (index = this.module.addDebugInfoFileName(name)));
    return index;
  }

  private resultOf(name: string): Ref {
    return this.results.get(name) ?? internalError("wasm", `no function ${name}`);
  }

  private type(): Ref {
    const word = this.reader.word();
    return this.types.get(word) ?? internalError("wasm", `no type ${word}`);
  }

  private sequence(body: readonly Ref[]): Ref {
    return body.length === 1 ? body[0]! : this.module.block(null, body as Ref[], this.binaryen.auto);
  }

  /** An operand. */
  private operand(): Ref {
    return this.instruction(this.reader.openAny());
  }

  /** The operands that are left. */
  private operands(): Ref[] {
    const found: Ref[] = [];
    while (!this.reader.closes()) found.push(this.operand());
    return found;
  }

  private instruction(name: string): Ref {
    const { place } = this.reader;
    let make = this.instructions.get(name);
    if (!make) this.instructions.set(name, (make = this.find(name)));
    const expression = make();
    if (place) this.places.push({ expression, place });
    return expression;
  }

  /** How an instruction is read and made. */
  private find(name: string): Instruction {
    const control = this.control(name);
    if (control) return control;
    const words = name.split(".");
    const [space, method] = [words[0]!, words.at(-1)!];
    if (method === "const") return this.constant(space);
    const make = this.makerOf(words) ?? internalError("wasm", `no instruction ${name}`);
    if (words[1] === "atomic" || (space !== "memory" && /^(load|store)/.test(method)))
      return this.access(words, make);
    if (/_lane(_[su])?$/.test(method)) return this.lane(method, make);
    const { reader } = this;
    if (method === "shuffle")
      return () => {
        const lanes = Array.from({ length: 16 }, () => reader.number());
        const [left, right] = this.operands();
        return make(left, right, lanes);
      };
    return () => {
      const [a, b, c] = this.operands();
      return c !== undefined ? make(a, b, c) : b !== undefined ? make(a, b) : make(a);
    };
  }

  /** Binaryen's method for an instruction. */
  private makerOf(words: readonly string[]): Make | undefined {
    const { binaryen, module } = this;
    const relaxed = relaxedOps[words.join(".")];
    if (relaxed !== undefined) {
      // Not among the methods, but among what they are made of.
      const { _BinaryenSIMDTernary: ternary, [relaxed]: op } = binaryen as unknown as {
        _BinaryenSIMDTernary: Make;
      } & Record<string, Ref>;
      return (a, b, c) => ternary(module.ptr, op, a, b, c);
    }
    let found: unknown = module;
    for (const part of pathOf(words)) found = (found as Record<string, unknown> | undefined)?.[part];
    return typeof found === "function" ? (found as Make) : undefined;
  }

  private lane(method: string, make: Make): Instruction {
    const { reader } = this;
    return () => {
      const lane = reader.number();
      const [vector, value] = this.operands();
      return method === "replace_lane" ? make(vector, lane, value) : make(vector, lane);
    };
  }

  /** Loads, stores, and what does both at once. */
  private access(words: readonly string[], make: Make): Instruction {
    const { reader } = this;
    const lane = words.at(-1)!.endsWith("_lane");
    const atomic = words[1] === "atomic";
    const natural = bytesOf(words);
    return () => {
      const offset = reader.option("offset=") ?? 0;
      const align = reader.option("align=") ?? natural;
      const index = lane ? reader.number() : 0;
      const [a, b, c] = this.operands();
      if (lane) return make(offset, align, index, a, b);
      if (!atomic) return b === undefined ? make(offset, align, a) : make(offset, align, a, b);
      return c !== undefined ? make(offset, a, b, c) : b !== undefined ? make(offset, a, b) : make(offset, a);
    };
  }

  private constant(type: string): Instruction {
    const { reader, module } = this;
    const closed = (expression: Ref): Ref => {
      reader.close();
      return expression;
    };
    switch (type) {
      case "i32":
        return () => closed(module.i32.const(Number(reader.word()) | 0));
      case "i64":
        return () => closed(module.i64.const(BigInt.asIntN(64, BigInt(reader.word()))));
      case "f32":
        return () => closed(module.f32.const(floatOf(reader.word())));
      case "f64":
        return () => closed(module.f64.const(floatOf(reader.word())));
      default:
        return () => {
          const shape = reader.word();
          const words: string[] = [];
          while (!reader.closes()) words.push(reader.word());
          return module.v128.const(vectorBytes(shape, words));
        };
    }
  }

  private control(name: string): Instruction | undefined {
    const { reader, module } = this;
    const local = (): Local => {
      const word = reader.name();
      return this.locals.get(word) ?? internalError("wasm", `no local ${word}`);
    };
    const last = (): Ref => {
      const found = this.operand();
      reader.close();
      return found;
    };
    switch (name) {
      case "local.get":
        return () => {
          const { index, type } = local();
          reader.close();
          return module.local.get(index, type);
        };
      case "local.set":
        return () => module.local.set(local().index, last());
      case "local.tee":
        return () => {
          const { index, type } = local();
          return module.local.tee(index, last(), type);
        };
      case "loop":
        return () => module.loop(reader.name(), this.sequence(this.operands()));
      case "block":
        return () => module.block(reader.name(), this.operands(), this.binaryen.auto);
      case "br":
        return () => {
          const label = reader.name();
          reader.close();
          return module.br(label);
        };
      case "br_if":
        return () => module.br(reader.name(), last());
      case "if":
        return () => {
          reader.result();
          const condition = this.operand();
          reader.open("then");
          const then = this.sequence(this.operands());
          if (reader.closes()) return module.if(condition, then);
          reader.open("else");
          const otherwise = this.sequence(this.operands());
          reader.close();
          return module.if(condition, then, otherwise);
        };
      case "return":
        return () => module.return(this.operands()[0]);
      case "select":
        return () => {
          const [yes, no, condition] = this.operands();
          return module.select(condition!, yes!, no!);
        };
      case "call":
        return () => {
          const callee = reader.name();
          return module.call(callee, this.operands(), this.resultOf(callee));
        };
      default:
        return undefined;
    }
  }
}

/** Relaxed instructions of three operands, as Binaryen calls them. */
const relaxedOps: Readonly<Record<string, string>> = {
  "f32x4.relaxed_madd": "RelaxedMaddVecF32x4",
  "f32x4.relaxed_nmadd": "RelaxedNmaddVecF32x4",
  "f64x2.relaxed_madd": "RelaxedMaddVecF64x2",
  "f64x2.relaxed_nmadd": "RelaxedNmaddVecF64x2",
  "i32x4.relaxed_dot_i8x16_i7x16_add_s": "RelaxedDotI8x16I7x16AddSToVecI32x4",
};

/** The way to Binaryen's method for an instruction, where it isn't called the same. */
function pathOf(words: readonly string[]): readonly string[] {
  const [type, method] = [words[0]!, words.at(-1)!];
  const narrow = /^rmw\d+$/.test(words[2] ?? "");
  if (narrow) return [type, words[1]!, `${words[2]}_u`, method.replace(/_u$/, "")];
  if (type.includes("x")) return [type, method.replace(/_sat_([su])$/, "_saturate_$1")];
  const [, plain] = /^(reinterpret|wrap|promote|demote)_/.exec(method) ?? [];
  if (plain !== undefined) return [type, plain];
  const [, verb, sat, from, sign] = /^(convert|trunc|extend)(_sat)?_([if]\d+)_([su])$/.exec(method) ?? [];
  if (verb === undefined) return words;
  return verb === "extend" ? [type, `${verb}_${sign}`] : [type, `${verb}_${sign}${sat ?? ""}`, from!];
}

/** Bytes that an instruction accesses, and so its natural alignment. */
function bytesOf([type, ...words]: readonly string[]): number {
  const method = words.at(-1)!;
  if (/\dx\d/.test(method)) return 8;
  const bits = /(?:load|store|rmw)(\d+)/.exec(words.join("."))?.[1];
  return Number(bits ?? /\d+/.exec(type!)![0]) / 8;
}

const floatOf = (word: string): number => Number(word.replace("inf", "Infinity"));

/** The bytes of a constant vector. */
function vectorBytes(shape: string, words: readonly string[]): number[] {
  const bytes = new DataView(new ArrayBuffer(16));
  const size = 16 / words.length;
  for (const [lane, word] of words.entries()) {
    const at = lane * size;
    if (shape === "f32x4") bytes.setFloat32(at, floatOf(word), true);
    else if (shape === "f64x2") bytes.setFloat64(at, floatOf(word), true);
    else if (size === 8) bytes.setBigInt64(at, BigInt(word), true);
    else if (size === 4) bytes.setInt32(at, Number(word), true);
    else if (size === 2) bytes.setInt16(at, Number(word), true);
    else bytes.setInt8(at, Number(word));
  }
  return Array.from(new Uint8Array(bytes.buffer));
}

// The notation of calls and results in `out` blocks: `> name[T=f16](x=[[1, 2], [3, 4]], s=0.5)` and `y = [1, nan]`.
// A value is a number, `true`, `false`, a nested list, or a list as another view sees it: `transpose([…])`,
// `broadcast([…], 3, 2)`.

import { dataOf, valuesOf, type Value } from "../../runtime/tensor/values.ts";
import { tensor, type Tensor } from "../../runtime/index.ts";
import { isFloat, type Dtype } from "../../lang/dtypes.ts";

export type Written =
  | { readonly kind: "scalar"; readonly value: Value }
  | { readonly kind: "list"; readonly shape: readonly number[]; readonly values: readonly Value[] }
  | { readonly kind: "view"; readonly view: string; readonly of: Written; readonly sizes: readonly number[] };

export interface Call {
  readonly kernel: string;
  /** Compile-time parameters. */
  readonly set: Readonly<Record<string, string>>;
  readonly args: ReadonlyMap<string, Written>;
}

/** Reads what stands behind `> `. */
export function readCall(text: string): Call {
  const head = /^(\w+)(?:\[([^\]]*)\])?\(/.exec(text);
  if (!head) throw new Error(`this is no call of a kernel: ${text}`);
  const reader = new Reader(text, head[0].length);
  const args = new Map<string, Written>();
  while (!reader.take(")")) {
    const name = reader.word();
    reader.expect("=");
    args.set(name, reader.value());
    if (!reader.take(",")) {
      reader.expect(")");
      break;
    }
  }
  const pairs = (head[2] ?? "").split(",").filter((pair) => pair.trim() !== "");
  const set = Object.fromEntries(
    pairs.map((pair) => pair.split("=").map((part) => part.trim())) as [string, string][],
  );
  return { kernel: head[1]!, set, args };
}

export function readValue(text: string): Written {
  return new Reader(text, 0).value();
}

class Reader {
  private readonly text: string;
  private at: number;

  constructor(text: string, at: number) {
    this.text = text;
    this.at = at;
  }

  take(mark: string): boolean {
    while (this.text[this.at] === " " || this.text[this.at] === "\n") this.at++;
    if (!this.text.startsWith(mark, this.at)) return false;
    this.at += mark.length;
    return true;
  }

  expect(mark: string): void {
    if (!this.take(mark))
      throw new Error(`expected ${mark} at ${JSON.stringify(this.text.slice(this.at, this.at + 20))}`);
  }

  word(): string {
    this.take("");
    const found = /^[-+]?(?:0x[\da-fA-F]+|\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[A-Za-z_0-9]\w*)/.exec(
      this.text.slice(this.at),
    );
    if (!found)
      throw new Error(`expected a value at ${JSON.stringify(this.text.slice(this.at, this.at + 20))}`);
    this.at += found[0].length;
    return found[0];
  }

  value(): Written {
    if (this.take("[")) return this.list();
    const word = this.word();
    if (!this.take("(")) return { kind: "scalar", value: scalar(word) };
    const of = this.value();
    const sizes: number[] = [];
    while (this.take(",")) sizes.push(Number(this.word()));
    this.expect(")");
    return { kind: "view", view: word, of, sizes };
  }

  private list(): Written {
    const items: Written[] = [];
    while (!this.take("]")) {
      items.push(this.value());
      if (!this.take(",")) {
        this.expect("]");
        break;
      }
    }
    const [first] = items;
    const inner = first?.kind === "list" ? first.shape : [];
    const values = items.flatMap((item) => {
      if (item.kind === "scalar" && inner.length === 0) return [item.value];
      if (item.kind === "list" && item.shape.join() === inner.join()) return item.values;
      throw new Error("the rows of a list have one length");
    });
    return { kind: "list", shape: [items.length, ...inner], values };
  }
}

function scalar(word: string): Value {
  const named: Record<string, Value> = {
    true: true,
    false: false,
    nan: NaN,
    inf: Infinity,
    "-inf": -Infinity,
  };
  if (Object.hasOwn(named, word)) return named[word]!;
  if (/^-?\d{16,}$/.test(word)) return BigInt(word);
  const value = Number(word);
  if (Number.isNaN(value)) throw new Error(`${word} is no value`);
  return value;
}

/** The tensor that a list stands for. */
export function tensorOf(written: Written, dtype: Dtype): Tensor {
  if (written.kind === "scalar") throw new Error("a tensor is written as a list");
  if (written.kind === "list") return tensor(dataOf(written.values, dtype), written.shape, dtype) as Tensor;
  const base = tensorOf(written.of, dtype);
  if (written.view === "transpose") return base.transpose(...written.sizes);
  if (written.view === "broadcast") return base.broadcastTo(written.sizes);
  throw new Error(`there is no view ${written.view}`);
}

/** A tensor in the notation of lists. */
export async function show(result: Tensor): Promise<string> {
  const values = (await valuesOf(result)).map((value) => text(value, result.dtype));
  const nest = (axis: number, from: number, count: number): string => {
    if (axis === result.rank) return values[from]!;
    const size = result.shape[axis]!;
    const step = size === 0 ? 0 : count / size;
    return `[${Array.from({ length: size }, (_, at) => nest(axis + 1, from + at * step, step)).join(", ")}]`;
  };
  return nest(0, 0, values.length);
}

function text(value: Value, dtype: Dtype): string {
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value)) return String(value).replace("Infinity", "inf").replace("NaN", "nan");
  const digits: Partial<Record<Dtype, number>> = { f16: 4, bf16: 3, f32: 7, f64: 15 };
  return Object.is(value, -0)
    ? "-0"
    : isFloat(dtype)
      ? String(Number(value.toPrecision(digits[dtype])))
      : String(value);
}

/** Whether a result is the list written, floats within a tolerance; a zero's sign counts if it is written. */
export async function agrees(
  result: Tensor,
  written: Written,
  tolerance: { readonly relative: number; readonly absolute: number },
): Promise<boolean> {
  if (written.kind !== "list" || written.shape.join() !== result.shape.join()) return false;
  const values = await valuesOf(result);
  return written.values.every((want, at) => {
    const got = values[at]!;
    if (Object.is(want, -0)) return Object.is(got, -0);
    const [a, b] = [Number(want), Number(got)];
    if (!isFloat(result.dtype)) return BigInt(want) === BigInt(got);
    return (
      Object.is(a, b) || Math.abs(a - b) <= tolerance.absolute + tolerance.relative * Math.abs(a) || a === b
    );
  });
}

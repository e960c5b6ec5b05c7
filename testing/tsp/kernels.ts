// Random legal kernels for the TSP, with sizes: chains longer than 16 ALUs, several nests, broadcasts, reductions, windows with
// strides and dilation, products, grouped convolutions, transposes, gathers; of every element type, at sizes around the 320 lanes.
// A seed always makes the same kernel.

import { Dice } from "../fuzz/dice.ts";

export interface RandomKernel {
  readonly text: string;
  readonly dims: Readonly<Record<string, number>>;
}

const sizes = [0, 1, 2, 3, 5, 7, 13, 31, 64, 97, 319, 320, 321, 641];
const dtypes = ["i32", "i32", "f32", "f32", "i8", "u8", "i16", "u16", "u32", "f16"];

/** Elements that a kernel makes at most: the interpreter goes through all of them. */
const most = 30_000;

export function randomKernel(seed: number): RandomKernel {
  const dice = new Dice(seed);
  return new Kernels(dice, dice.pick(dtypes)).any();
}

class Kernels {
  private readonly dice: Dice;
  private readonly dtype: string;
  private readonly float: boolean;

  constructor(dice: Dice, dtype: string) {
    this.dice = dice;
    this.dtype = dtype;
    this.float = dtype.startsWith("f");
  }

  any(): RandomKernel {
    const makers = [
      () => this.chains(),
      () => this.chains(),
      () => this.broadcasts(),
      () => this.reductions(),
      () => this.windows(),
      () => this.products(),
      () => this.grouped(),
      () => this.transposed(),
      () => this.gathered(),
    ];
    return this.dice.pick(makers)();
  }

  private kernel(
    params: readonly string[],
    lines: readonly string[],
    dims: RandomKernel["dims"],
  ): RandomKernel {
    return {
      text: `kernel f(${params.join(", ")}):\n${lines.map((line) => `    ${line}\n`).join("")}`,
      dims,
    };
  }

  private tensor(name: string, shape: string, dtype = this.dtype): string {
    return `${name}: Tensor[${dtype}, ${shape}]`;
  }

  private literal(): string {
    const { dice } = this;
    if (this.float) return `${this.dtype}(${dice.pick(["0.5", "1.5", "-2.0", "3.0", "0.25"])})`;
    return `${this.dtype}(${this.dtype.startsWith("u") ? dice.below(9) : dice.below(9) - 4})`;
  }

  private expression(leaves: readonly string[], depth: number): string {
    const { dice, dtype } = this;
    if (depth <= 0 || dice.chance(0.12)) return dice.chance(0.75) ? dice.pick(leaves) : this.literal();
    const part = (): string => this.expression(leaves, depth - 1 - dice.below(2));
    const both = (op: string): string => `(${part()} ${op} ${part()})`;
    const shapes: (() => string)[] = [
      () => both("+"),
      () => both("+"),
      () => both("-"),
      () => both("*"),
      () => `max(${part()}, ${part()})`,
      () => `min(${part()}, ${part()})`,
      () => `(${part()} if ${part()} < ${part()} else ${part()})`,
    ];
    if (this.float) shapes.push(() => `abs(${part()})`);
    else
      shapes.push(
        () => both("^"),
        () => both("&"),
        () => both("|"),
        () => `(${part()} << ${dtype}(${dice.below(3)}))`,
        () => `(${part()} >> ${dtype}(${dice.below(3)}))`,
      );
    return dice.pick(shapes)();
  }

  /** Two sizes that aren't too large together. */
  private pair(): { readonly N: number; readonly M: number } {
    const N = this.dice.pick(sizes);
    const M = this.dice.pick(sizes);
    return { N, M: N * M > most ? 7 : M };
  }

  private chains(): RandomKernel {
    const { dice } = this;
    const depth = 2 + dice.below(7);
    const params = [this.tensor("x", "N"), this.tensor("w", "N"), `out ${this.tensor("y", "N")}`];
    const lines = ["for i in range(N):", `    y[i] = ${this.expression(["x[i]", "w[i]"], depth)}`];
    if (dice.chance(0.5)) {
      // A nest of its own, or one that goes on with the first one's results.
      const leaves = dice.pick([["w[i]"], ["x[i]", "y[i]"]]);
      params.push(`out ${this.tensor("z", "N")}`);
      lines.push("for i in range(N):", `    z[i] = ${this.expression(leaves, depth)}`);
    }
    return this.kernel(params, lines, { N: dice.pick(sizes) });
  }

  private broadcasts(): RandomKernel {
    const value = this.expression(["x[i, j]", "v[j]", "u[i]"], 2 + this.dice.below(5));
    return this.kernel(
      [
        this.tensor("x", "N, M"),
        this.tensor("v", "M"),
        this.tensor("u", "N"),
        `out ${this.tensor("y", "N, M")}`,
      ],
      ["for i in range(N):", "    for j in range(M):", `        y[i, j] = ${value}`],
      this.pair(),
    );
  }

  private reductions(): RandomKernel {
    const { dice } = this;
    const along = dice.chance(0.5);
    const [own, other] = along ? ["i", "j"] : ["j", "i"];
    const [size, extent] = along ? ["N", "M"] : ["M", "N"];
    const term = this.expression(["x[i, j]"], 1 + dice.below(3));
    const op = dice.pick(["sum", "max", "min"]);
    return this.kernel(
      [this.tensor("x", "N, M"), `out ${this.tensor("y", size!)}`],
      [
        `for ${own} in range(${size}):`,
        `    y[${own}] = ${this.dtype}(${op}(${term} for ${other} in range(${extent})))`,
      ],
      this.pair(),
    );
  }

  private windows(): RandomKernel {
    const { dice } = this;
    const [step, offset, taps, apart] = [
      1 + dice.below(3),
      dice.below(3),
      1 + dice.below(4),
      1 + dice.below(3),
    ];
    const N = Math.min(400, dice.pick(sizes));
    const beyond = offset + taps * apart;
    const term = `x[${step} * i + ${offset} + ${apart} * t] ${dice.pick(["*", "+"])} k[t]`;
    return this.kernel(
      [
        this.tensor("x", "L"),
        this.tensor("k", String(taps)),
        this.tensor("b", "N"),
        `out ${this.tensor("y", "N")}`,
      ],
      [
        "assert N <= 1000",
        `assert L >= ${step} * N + ${beyond}`,
        "for i in range(N):",
        `    y[i] = b[i] + ${this.dtype}(${dice.pick(["sum", "max"])}(${term} for t in range(${taps})))`,
      ],
      { L: Math.max(1, step * N + beyond), N },
    );
  }

  private products(): RandomKernel {
    const { dice } = this;
    const straight = dice.chance(0.5);
    const sum = `${this.dtype}(sum(a[i, k] * ${straight ? "b[k, j]" : "b[j, k]"} for k in range(K)))`;
    const value = dice.pick([sum, `max(${this.literal()}, ${sum})`, `(${this.literal()} * ${sum})`]);
    return this.kernel(
      [
        this.tensor("a", "M, K"),
        this.tensor("b", straight ? "K, N" : "N, K"),
        `out ${this.tensor("y", "M, N")}`,
      ],
      ["for i in range(M):", "    for j in range(N):", `        y[i, j] = ${value}`],
      {
        M: dice.pick([1, 2, 5, 17]),
        K: dice.pick([1, 2, 5, 17, 33, 161]),
        N: dice.pick([1, 3, 7, 31, 320, 321]),
      },
    );
  }

  private grouped(): RandomKernel {
    const { dice } = this;
    const [groups, ins, outs, taps] = [
      1 + dice.below(3),
      1 + dice.below(4),
      1 + dice.below(3),
      1 + dice.below(3),
    ];
    const [step, apart] = [1 + dice.below(2), 1 + dice.below(2)];
    const N = dice.pick([1, 2, 7, 31, 65]);
    const term = `x[g, c, ${step} * i + ${apart} * t] * w[g, o, c, t]`;
    return this.kernel(
      [
        this.tensor("x", `${groups}, ${ins}, L`),
        this.tensor("w", `${groups}, ${outs}, ${ins}, ${taps}`),
        this.tensor("b", "N"),
        `out ${this.tensor("y", `${groups}, ${outs}, N`)}`,
      ],
      [
        "assert N <= 1000",
        `assert L >= ${step} * N + ${apart * taps}`,
        `for g in range(${groups}):`,
        `    for o in range(${outs}):`,
        "        for i in range(N):",
        `            y[g, o, i] = b[i] + ${this.dtype}(sum(${term} for c in range(${ins}) for t in range(${taps})))`,
      ],
      { L: step * N + apart * taps, N },
    );
  }

  private transposed(): RandomKernel {
    return this.kernel(
      [this.tensor("x", "N, M"), `out ${this.tensor("y", "M, N")}`],
      [
        "for j in range(M):",
        "    for i in range(N):",
        `        y[j, i] = ${this.expression(["x[i, j]"], 1 + this.dice.below(2))}`,
      ],
      this.pair(),
    );
  }

  private gathered(): RandomKernel {
    const { dice } = this;
    return this.kernel(
      [
        this.tensor("t", `${dice.pick([1, 7, 31])}, M`),
        this.tensor("at", "N", "i32"),
        `out ${this.tensor("y", "N, M")}`,
      ],
      ["for i in range(N):", "    for j in range(M):", "        y[i, j] = t.get(at[i], j)"],
      { M: dice.pick([1, 3, 320, 321]), N: Math.min(97, dice.pick(sizes)) },
    );
  }
}

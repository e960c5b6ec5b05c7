// The legality check against enumeration: random nests of up to 6³ iterations with affine subscripts and random orders
// and tiles. What is accepted must keep every pair of iterations that meet in its order, and most of what does must be
// accepted.

import { expect, it } from "vitest";
import { generator } from "../../testing/equivalence.ts";
import { check } from "../index.ts";

const programs = Number(process.env["KERN_FUZZ"] ?? 150);
const first = Number(process.env["KERN_FUZZ_FIRST"] ?? 1);
const names = ["i", "j", "k"] as const;

interface Loop {
  readonly name: string;
  readonly lo: number;
  /** Iterations; for a triangular loop, up to the outermost loop's variable. */
  readonly hi: number | "i";
  readonly tile: number | undefined;
}
interface Access {
  readonly coefs: readonly number[];
  readonly plus: number;
}
interface Program {
  readonly loops: readonly Loop[];
  readonly write: readonly Access[];
  readonly read: readonly Access[];
  /** Names of loops and tile loops, outermost first. */
  readonly order: readonly string[];
}

function program(seed: number): Program {
  const random = generator(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const depth = pick([2, 2, 3]);
  const triangular = random() < 0.2;
  const loops = names.slice(0, depth).map((name, at): Loop => ({
    name,
    lo: pick([0, 0, 1]),
    hi: triangular && at === 1 ? "i" : pick([2, 3, 4, 5, 6]),
    tile: triangular && at < 2 ? undefined : pick([undefined, undefined, 1, 2, 3, 4]),
  }));
  const access = (): Access => ({
    coefs: loops.map(() => pick([0, 0, 1, 1, 1, -1, 2])),
    plus: pick([0, 0, 0, 1, -1, 2]),
  });
  const rank = pick([1, 2, 2]);
  const side = (): Access[] => Array.from({ length: rank }, access);
  const write = side();
  // Mostly neighbours: unrelated subscripts meet all over the place.
  const read =
    random() < 0.7 ? write.map((each) => ({ ...each, plus: each.plus + pick([0, 0, 1, -1]) })) : side();
  const levels = loops.flatMap(({ name, tile }) => (tile === undefined ? [name] : [`${name}.tile`, name]));
  const shuffled = levels.map((name) => ({ name, at: random() })).toSorted((a, b) => a.at - b.at);
  const sorted = new Map(loops.map(({ name }) => [name, levels.filter((each) => each[0] === name)]));
  return { loops, write, read, order: shuffled.map(({ name }) => sorted.get(name[0]!)!.shift()!) };
}

/** Subscripts are shifted into the array by this. */
const origin = 40;

function source({ loops, write, read, order }: Program): string {
  const text = (side: readonly Access[]): string =>
    side
      .map(({ coefs, plus }) =>
        coefs.reduce(
          (sum, coef, at) => (coef === 0 ? sum : `${sum} + ${coef} * ${names[at]}`),
          `${origin + plus}`,
        ),
      )
      .join(", ");
  const tiles = loops.flatMap(({ name, tile }) => (tile === undefined ? [] : [`${name}=${tile}`]));
  const lines = [
    `kernel k(mut a: Tensor[f32, ${write.map(() => 128).join(", ")}]):`,
    ...(tiles.length > 0 ? [`    @tile(${tiles.join(", ")})`] : []),
    `    @order(${order.join(", ")})`,
    ...loops.map(({ name, lo, hi }, at) => `${"    ".repeat(at + 1)}for ${name} in range(${lo}, ${hi}):`),
    `${"    ".repeat(loops.length + 1)}a[${text(write)}] = a[${text(read)}] + 1`,
  ];
  return `${lines.join("\n")}\n`;
}

/** Whether all pairs of iterations that meet keep their order. */
function keepsOrder({ loops, write, read, order }: Program): boolean {
  const iterations: number[][] = [[]];
  for (const { lo, hi } of loops) {
    const longer = iterations.splice(0).flatMap((outer) => {
      const end = hi === "i" ? outer[0]! : hi;
      return Array.from({ length: Math.max(0, end - lo) }, (_, at) => [...outer, lo + at]);
    });
    iterations.push(...longer);
  }
  const element = (side: readonly Access[], at: readonly number[]): string =>
    side.map(({ coefs, plus }) => coefs.reduce((sum, coef, axis) => sum + coef * at[axis]!, plus)).join();
  const when = (at: readonly number[]): number[] =>
    order.map((level) => {
      const axis = loops.findIndex(({ name }) => name === level[0]);
      const turn = at[axis]! - loops[axis]!.lo;
      return level.length > 1 ? Math.floor(turn / loops[axis]!.tile!) : turn;
    });
  const facts = iterations.map((at) => ({
    writes: element(write, at),
    reads: element(read, at),
    when: when(at),
  }));
  const later = (a: readonly number[], b: readonly number[]): boolean => {
    for (const [at, value] of a.entries()) if (value !== b[at]) return value > b[at]!;
    return false;
  };
  return facts.every((early, at) =>
    facts
      .slice(at + 1)
      .every(
        (late) =>
          (early.writes !== late.writes && early.writes !== late.reads && early.reads !== late.writes) ||
          !later(early.when, late.when),
      ),
  );
}

it("accepts only what keeps the order, and most of that", () => {
  let legal = 0;
  let accepted = 0;
  for (let seed = first; seed < first + programs; seed++) {
    const made = program(seed);
    const text = source(made);
    const errors = check(text).filter((each) => each.severity === "error");
    for (const { code, message } of errors)
      expect(["K0540", "K0541"], `seed ${seed}: ${message}\n${text}`).toContain(code);
    const keeps = keepsOrder(made);
    if (errors.length === 0) expect(keeps, `seed ${seed}\n${text}`).toBe(true);
    // Two iterations that a message names have really met.
    if (errors.some(({ code }) => code === "K0540")) expect(keeps, `seed ${seed}\n${text}`).toBe(false);
    if (keeps) legal++;
    if (keeps && errors.length === 0) accepted++;
  }
  expect(legal).toBeGreaterThan(programs / 5);
  expect(accepted / legal).toBeGreaterThanOrEqual(0.95);
});

// Generic programs: one of a program's dtypes becomes a parameter of the kernel and its helpers, where what was written
// for one dtype is right for every member of a trait.

import type { Dtype } from "../../lang/dtypes.ts";

/** The dtypes that a program may be about to become generic in them, with the trait. */
const traits: readonly (readonly [Dtype, string])[] = [
  ["f16", "Float"],
  ["bf16", "Float"],
  ["f64", "Float"],
  ["u8", "Int"],
  ["u16", "Int"],
];

const members: Readonly<Record<string, readonly Dtype[]>> = {
  Float: ["f32", "f32", "f16", "bf16", "f64"],
  Int: ["i32", "i8", "i16", "i64", "u8", "u16", "u32", "u64"],
};

/** The program with a parameter `T` for a dtype; undefined where no dtype of it can be one. */
export function generic(text: string, dtypes: readonly Dtype[]): string | undefined {
  // Widths are told of one dtype: shifts and bits of another.
  if (/bitcast\[|<<|>>|struct |kernel inner/.test(text)) return undefined;
  const found = traits.find(([dtype]) => dtypes.includes(dtype));
  if (!found) return undefined;
  const [dtype, trait] = found;
  const own = new RegExp(`(?<![\\w.])${dtype}\\b`);
  return text
    .split(/(?=^def |^kernel )/m)
    .map((block) => {
      const head = /^(def|kernel) (\w+)\(/.exec(block);
      if (!head || !own.test(block)) return block;
      const everywhere = new RegExp(own, "g");
      return block.replace(head[0], `${head[1]} ${head[2]}[T: ${trait}](`).replaceAll(everywhere, "T");
    })
    .join("");
}

/** What the parameter of a generic program is set to: nothing for others. */
export function settingOf(text: string, seed: number): Readonly<Record<string, Dtype>> {
  const trait = /^kernel fuzz\[T: (\w+)\]/m.exec(text)?.[1];
  const all = trait === undefined ? undefined : members[trait];
  return all ? { T: all[seed % all.length]! } : {};
}

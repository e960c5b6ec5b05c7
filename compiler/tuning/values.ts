// Lists of values in annotations, `@tile(i=[4, 6, 8])`: what each argument may be, and an annotation with one value taken
// for each. Lowering asks for the latter, so that nothing behind it sees a list; without a choice the first value counts.

import type { AnnotationValue, LoopName, TAnnotation, TargetName, TKernel } from "../../lang/typed.ts";
import { annotationsOf } from "../annotations.ts";

/** One argument of an annotation that has a list: a dimension of the search space. */
export interface Knob {
  /** Names it within its kernel: `@wasm.tile(i)`, and `@wasm.tile(i)#2` where another annotation is written alike. */
  readonly id: string;
  /** The argument's name, or its number. */
  readonly argument: string;
  readonly annotation: TAnnotation;
  /** Its values as the source writes them, the default first. */
  readonly values: readonly string[];
}

/** For each knob that isn't to have its first value, the value's number: by annotation, then by argument. */
export type Choice = ReadonlyMap<string, Readonly<Record<string, number>>>;

/**
 * The knobs of a kernel instance for one target, in the order of the source. An annotation in a `def` or kernel that is
 * called from several places is one annotation.
 */
export function knobsOf(kernel: TKernel, target: TargetName): readonly Knob[] {
  const knobs: Knob[] = [];
  const seen = new Set<string>();
  const names = new Map<string, number>();
  for (const annotation of annotationsOf(kernel)) {
    const meant = annotation.target === undefined || annotation.target === target;
    if (!meant || seen.has(placeKey(annotation))) continue;
    seen.add(placeKey(annotation));
    for (const [argument, value] of argumentsOf(annotation)) {
      const values = [...new Set(alternatives(value).map(valueText))];
      if (values.length < 2) continue;
      const name = `${headOf(annotation)}(${argument})`;
      const count = (names.get(name) ?? 0) + 1;
      names.set(name, count);
      knobs.push({ id: count === 1 ? name : `${name}#${count}`, argument, annotation, values });
    }
  }
  return knobs;
}

/** The choice that values by knob id make, or a sentence about what doesn't fit. Knobs left out keep their first value. */
export function choiceOf(knobs: readonly Knob[], values: Readonly<Record<string, string>>): Choice | string {
  const choice = new Map<string, Record<string, number>>();
  for (const [id, text] of Object.entries(values)) {
    const knob = knobs.find((each) => each.id === id);
    if (!knob) return `no annotation has the list \`${id}\``;
    const all = argumentsOf(knob.annotation).find(([argument]) => argument === knob.argument)!;
    const at = alternatives(all[1]).findIndex((value) => valueText(value) === text);
    if (at < 0) return `\`${id}\` is ${knob.values.join(", ")}, and not ${text}`;
    const key = placeKey(knob.annotation);
    choice.set(key, { ...choice.get(key), [knob.argument]: at });
  }
  return choice;
}

/** The annotation without lists: the values chosen, or the first ones. */
export function resolved(annotation: TAnnotation, choice: Choice | undefined): TAnnotation {
  const own = choice?.get(placeKey(annotation));
  const pick = (argument: string, value: AnnotationValue): AnnotationValue =>
    alternatives(value)[own?.[argument] ?? 0] ?? value;
  return {
    ...annotation,
    args: annotation.args.map((value, at) => pick(String(at), value)),
    options: Object.fromEntries(
      Object.entries(annotation.options).map(([name, value]) => [name, pick(name, value)]),
    ),
  };
}

/** `@wasm.tile(i=4, j=(64, 8))` */
export function annotationText(annotation: TAnnotation): string {
  const parts = [
    ...annotation.args.map(valueText),
    ...Object.entries(annotation.options).map(([name, value]) => `${name}=${valueText(value)}`),
  ];
  return `${headOf(annotation)}${parts.length > 0 ? `(${parts.join(", ")})` : ""}`;
}

const headOf = ({ name, target }: TAnnotation): string =>
  `@${target === undefined ? "" : `${target}.`}${name}`;

/** Instances of generic code have annotations of their own, which stand at one place of the source. */
const placeKey = ({ span }: TAnnotation): string => `${span.file.path}:${span.start}`;

const argumentsOf = ({ args, options }: TAnnotation): (readonly [string, AnnotationValue])[] => [
  ...args.map((value, at) => [String(at), value] as const),
  ...Object.entries(options),
];

/** Every value without lists that a value may stand for, the default first. */
function alternatives(value: AnnotationValue): readonly AnnotationValue[] {
  if (value.kind === "list") return value.items.flatMap(alternatives);
  if (value.kind !== "tuple") return [value];
  const tuples = value.items.reduce<readonly (readonly AnnotationValue[])[]>(
    (before, item) => before.flatMap((items) => alternatives(item).map((each) => [...items, each])),
    [[]],
  );
  return tuples.map((items) => ({ kind: "tuple", items }));
}

function valueText(value: AnnotationValue): string {
  switch (value.kind) {
    case "int":
      return String(value.value);
    case "string":
      return JSON.stringify(value.value);
    case "loop":
      return loopText(value.loop);
    case "ref":
      return value.sym.name;
    case "tuple":
      return `(${value.items.map(valueText).join(", ")})`;
    case "list":
      return `[${value.items.map(valueText).join(", ")}]`;
  }
}

/** `i`, `i.tile` for its first level, `i.tile[1]`. */
function loopText({ name, level }: LoopName): string {
  if (level === undefined) return name;
  return level === 0 ? `${name}.tile` : `${name}.tile[${level}]`;
}

// Sizes at which a schedule changes its course: those that the kernel's annotations name.

import { annotationsOf } from "../../../compiler/annotations.ts";
import type { KernelReport } from "../../../compiler/artifact.ts";
import type { AnnotationValue, TKernel } from "../../../lang/typed.ts";

/** Whole numbers above 1 that the kernel's annotations name: tile sizes, widths, factors. */
export function tileSizes(kernel: TKernel): number[] {
  const numbers = (value: AnnotationValue): number[] => {
    if (value.kind === "int") return [value.value];
    return value.kind === "tuple" || value.kind === "list" ? value.items.flatMap(numbers) : [];
  };
  const all = annotationsOf(kernel).flatMap(({ args, options }) =>
    [...args, ...Object.values(options)].flatMap(numbers),
  );
  return [...new Set(all)].filter((size) => size > 1 && size <= 128);
}

/** The same for annotations that the compiler chose. */
export function chosenSizes({ schedule = [] }: KernelReport): number[] {
  const numbers = schedule.flatMap(({ annotation }) => annotation.match(/\b\d+\b/g) ?? []).map(Number);
  return [...new Set(numbers)].filter((size) => size > 1);
}

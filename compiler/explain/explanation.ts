// What `explain` says, as plain data: JSON can hold it, and editors and pages show it as they like.

import type { ShapeExpr, SourcePlace, TargetName } from "../artifact.ts";
import type { GpuAccess, GpuReport } from "../targets/target.ts";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";

/** One thing that was proved, or that is checked at run time. */
export interface Fact {
  readonly place?: SourcePlace;
  /** The access, operation or annotation as the source writes it: `x[i, j]`, `@parallel i`. */
  readonly subject: string;
  readonly claim: string;
  /** How it is known, or what is tested. */
  readonly how: string;
  readonly checkedAtRunTime: boolean;
}

/** What becomes of an annotation on one target. */
export interface AnnotationNote {
  /** As the source writes it. */
  readonly annotation: string;
  readonly place?: SourcePlace;
  readonly honoured: boolean;
  /** Why it isn't honoured, or only in part. */
  readonly why?: string;
  /** The values taken of its lists. */
  readonly values?: readonly ChosenValue[];
}

/** The value that an argument with a list has, and where it comes from. */
export interface ChosenValue {
  readonly argument: string;
  readonly value: string;
  readonly of: readonly string[];
  readonly from: "lock" | "first";
}

/** An annotation, and the loops once it and those before it are carried out. */
export interface ScheduleStep {
  /** As the source writes it, or could. */
  readonly annotation: string;
  /** The annotation, or the statement that it would stand before. */
  readonly place?: SourcePlace;
  readonly nest: string;
}

/** A line of emitted code and the source line that it comes from. */
export interface CodeLine {
  readonly text: string;
  readonly place?: SourcePlace;
}

export type TargetExplanation =
  /** The target can't hold the kernel. */
  | { readonly target: TargetName; readonly refused: readonly Diagnostic[] }
  | {
      readonly target: TargetName;
      readonly refused?: undefined;
      readonly proved: number;
      readonly runtimeChecks: number;
      /** What was proved besides the kernel's own facts, for annotations that are meant for this target. */
      readonly facts: readonly Fact[];
      readonly annotations: readonly AnnotationNote[];
      /** Annotations that the compiler chose for nests without any, to be pasted before the statements named. */
      readonly chosen: readonly { readonly place?: SourcePlace; readonly annotations: readonly string[] }[];
      /** Every annotation, the source's and the compiler's, one after the other. */
      readonly steps: readonly ScheduleStep[];
      /** The sizes that the lock file's values were found for; absent where it has none for this kernel. */
      readonly tunedFor?: Readonly<Record<string, number>>;
      /** The loop nest after all passes. */
      readonly nest: string;
      readonly code: readonly CodeLine[];
      /** What runs one after the other, and over how many iterations it is shared. */
      readonly phases: readonly { readonly parallel: boolean; readonly extent: ShapeExpr }[];
      /** Optional features that a device must have. */
      readonly features: readonly string[];
      /** On GPUs: each phase's workgroups and registers, and how invocations side by side access tensors. */
      readonly gpu?: {
        readonly phases: GpuReport["phases"];
        readonly wide: GpuReport["wide"];
        readonly halves?: GpuReport["halves"];
        readonly dots?: GpuReport["dots"];
        readonly accesses: readonly (Omit<GpuAccess, "span"> & { readonly place?: SourcePlace })[];
      };
    };

export interface KernelExplanation {
  readonly name: string;
  readonly instance: string;
  readonly doc?: string;
  /** Compile-time parameters of this instance, printed. */
  readonly comptime: Readonly<Record<string, string>>;
  readonly place?: SourcePlace;
  /** Accesses proved in bounds, and checks left to the run, on any target. */
  readonly proved: number;
  readonly runtimeChecks: number;
  readonly facts: readonly Fact[];
  /** The loop nest as the source says it, with what it calls inlined. */
  readonly nest: string;
  readonly targets: readonly TargetExplanation[];
}

export interface Explanation {
  readonly file: string;
  readonly kernels: readonly KernelExplanation[];
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
}

// What a caller of the compiler may say, and nothing of how it is done: every stage that reads options imports this alone.

import type { ModuleHost } from "../lang/typed.ts";
import type { SourceFile } from "../lang/source.ts";
import type { TargetName } from "./artifact.ts";
import type { Settings } from "./instances.ts";
import type { PassOptions } from "./passes/index.ts";
import type { Schedule } from "./schedule/auto/index.ts";
import type { Choice } from "./tuning/values.ts";

/** Source text, or a file with a path for messages and relative imports. */
export type Source = string | SourceFile;

export interface CompileOptions {
  /** One target or several; `wasm` if nothing is said. */
  readonly target?: TargetName | readonly TargetName[];
  /** Where relative imports come from; `std.…` always comes from the library. */
  readonly host?: ModuleHost;
  /** Compile-time parameters, for every kernel that has one of that name: `{ T: "f16", relu: true }`. */
  readonly set?: Settings;
  /** Dims that become constants: `{ M: 512 }`. Callers must then use these sizes. */
  readonly shape?: Readonly<Record<string, number>>;
  /** Names of kernels to compile; all if nothing is said. */
  readonly kernels?: readonly string[];
  /**
   * Target features to use: `threads`, `relaxed-simd`, `shader-f16`, …; `threads` if nothing is said: such code is
   * right on any number of threads, and the runtime fits its memory import to the device. WGSL for devices without
   * `shader-f16` computes with f16 in f32.
   */
  readonly features?: readonly string[];
  /**
   * WASM: makes an artifact, behind the one for `features`, for each level of relaxed SIMD whose code differs. Devices load
   * the one that makes most of the engine.
   */
  readonly levels?: boolean;
  /** What the device to be used grants, by WebGPU's names (`device.limits`); what every device grants if nothing is said. */
  readonly limits?: Readonly<Record<string, number>>;
  /** The GPU that WGSL is made for, as `device.compileOptions` names it: which entries of the lock file count. */
  readonly adapter?: string;
  /** The text of the source's lock file, `NAME.kern.lock`, in which `kernc tune` keeps the values it found. */
  readonly lock?: string;
  /** For the tuner: which values of lists in annotations every kernel has; the lock doesn't count then. */
  readonly choice?: Choice;
  /**
   * Who schedules nests: `auto`, if nothing is said, leaves those that the source annotates as they are and chooses for
   * the others; `none` carries out annotations alone; `replace` chooses for all. A schedule stands for all annotations of
   * a kernel and is proved as they are. A function says it kernel by kernel.
   */
  readonly schedule?: ScheduleMode | ((kernel: KernelId, target: TargetName) => ScheduleMode);
  /** For the compiler's own developers: verify the IR after each pass; see the IR after one. */
  readonly passes?: PassOptions;
}

export type ScheduleMode = "auto" | "none" | "replace" | Schedule;

/** A kernel, and which instance of it. */
export interface KernelId {
  readonly name: string;
  readonly instance: string;
}

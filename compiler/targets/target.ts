// What a target is to the rest of the compiler: a name, what it can and can't do, the passes that bring a
// kernel into the form it takes, and emission. Adding a target is one folder that implements this and one
// line in the registry.

import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { Dtype } from "../../lang/dtypes.ts";
import type { Span } from "../../lang/source.ts";
import type { TargetName, WasmLaunch, WgslLaunch } from "../artifact.ts";
import type { IrKernel } from "../ir/ir.ts";
import type { Pass } from "../passes/index.ts";
import type { Quads } from "../passes/vectorize/pair-sums.ts";

/** Facts about a target that lowering, schedules and the cost model ask for. */
export interface Capabilities {
  /** Dtypes that the target can't do, each with the reason a user is told. */
  readonly unsupported: Readonly<Partial<Record<Dtype, string>>>;
  /** Bytes of a vector register; 0 where lanes are invocations and vector loops stay scalar. */
  readonly vectorBytes: number;
  /** Vector registers that the engine keeps before it spills. */
  readonly vectorRegisters: number;
  /** Whether `@threads` loops and staged buffers are shared by invocations. */
  readonly workgroups: boolean;
}

/** What a caller of `emit` may ask for; a target ignores what isn't its own. */
export interface EmitOptions {
  /** Optional features to use, by the names the artifact's `features` has. */
  readonly features?: readonly string[];
  /** What the device to be used grants, by WebGPU's names; what every device grants if nothing is said. */
  readonly limits?: Readonly<Record<string, number>>;
  /** False leaves the code as it was written, for tests and for reading it. */
  readonly optimize?: boolean;
}

/** One kernel as emitted; the driver adds the signature and the report to make a `KernelArtifact`. */
export interface EmittedKernel {
  readonly name: string;
  readonly launch: WasmLaunch | WgslLaunch;
  /** The run-time checks that stayed in the code; status n + 1 stands for number n. */
  readonly asserts: readonly { readonly message: string; readonly span?: Span }[];
  /** The emitted code as text, for `explain`. */
  readonly text: string;
  /** For targets that are GPUs. */
  readonly gpu?: GpuReport;
  /** Annotations that weren't honoured while emitting, and why; absent for none. */
  readonly notHonoured?: readonly {
    readonly annotation: string;
    readonly why: string;
    readonly span?: Span;
  }[];
}

/** How the invocations of a GPU that run side by side access a tensor at one place. */
export interface GpuAccess {
  /** As the source writes it, where that is known. */
  readonly subject: string;
  readonly write: boolean;
  /** Whether memory serves neighbouring invocations at once, if the last axis is contiguous. */
  readonly coalesced: boolean;
  readonly why: string;
  readonly span?: Span;
}

/** What a kernel takes of a GPU; registers are estimated. */
export interface GpuReport {
  readonly phases: readonly {
    /** Of a workgroup. */
    readonly invocations: number;
    readonly workgroupBytes: number;
    /** 32-bit values that an invocation keeps at once, before a driver's compiler improves on it. */
    readonly registers: number;
    /** How values of a workgroup's invocations are combined to one; absent where none are. */
    readonly combines?: "by subgroups" | "by trees" | "by subgroups and by trees";
  }[];
  readonly accesses: readonly GpuAccess[];
  /** How it computes with f16: with WGSL's own, behind the feature `shader-f16`, or held in f32; absent where it has none. */
  readonly halves?: "native" | "in f32";
  /** How products of bytes are added up in fours, where they are. */
  readonly dots?: "native" | "unpacked";
  /** Tensor arguments that are accessed in vectors of four elements, where all of them lie so that they can be. */
  readonly wide: readonly string[];
}

/** All kernels of one file. */
export interface Emitted {
  readonly code: Uint8Array | string;
  readonly sourceMap?: string;
  /** The whole module as text: WAT, or WGSL. */
  readonly text: string;
  readonly kernels: readonly EmittedKernel[];
}

export interface Target {
  readonly name: TargetName;
  readonly capabilities: Capabilities;
  /** Whether tiles, loop orders and staging are carried out for it; otherwise loops stay as they were written. */
  readonly schedules?: true;
  /** How products of bytes are added up in fours, with these features; absent, not at all. */
  readonly quads?: (features: ReadonlySet<string>) => Quads;
  /** Run after the target-independent passes, in order. */
  readonly passes: readonly Pass[];
  /** Loads what `emit` needs, to be awaited before it is called; absent where that is nothing. */
  readonly load?: () => Promise<unknown>;
  /**
   * A kernel's name is the name it is exported by. What the target can't do goes to `sink`, and the result then
   * holds no code to be used.
   */
  emit(kernels: readonly IrKernel[], options: EmitOptions, sink: DiagnosticSink): Emitted;
}

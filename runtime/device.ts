// What a device is to its users, and what one must provide to those who add one.

import type { Signature, TargetName } from "../compiler/artifact.ts";
import type { Arguments, BoundCall } from "./call/bind.ts";
import type { KernError } from "./error.ts";
import type { KernelSource } from "./source.ts";
import type { Tensor } from "./tensor/tensor.ts";

export type DeviceName = "wasm" | "webgpu" | "tsp" | "interp";

/** A compiled kernel: takes its tensors and scalars by name, gives every `out` and `mut` tensor by name. */
export interface Kernel {
  (args?: Arguments): Promise<Record<string, Tensor>>;
  /** The name in the source. */
  readonly kernelName: string;
  /** `kern::softmax`, where the source declares it. */
  readonly op?: string;
  /** Signatures of the instances that exist. */
  readonly instances: readonly Signature[];
  /** Where it runs. */
  readonly device: Device;
  /** Features of the device that its code needs. */
  readonly features: readonly string[];
  /** Whether instances for other dtypes and ranks are compiled when a call needs them. */
  readonly open: boolean;
  /** Why these arguments don't fit, or the device can't take them; undefined if they do. Nothing runs; an instance may be compiled. */
  mismatch(args: Arguments): Promise<KernError | undefined>;
  /**
   * Loads all that calls may need, and gives a call that doesn't wait: on the calling thread, for tensors on the host and on
   * the kernel's own device, which must be one of `wasm` or `interp`.
   */
  sync(): Promise<SyncKernel>;
  /**
   * Checks these arguments now and gives the call. Every tensor, results included, must be on the kernel's device and stay
   * there; undefined where they aren't, or where the device has no such calls.
   */
  bind(args: Arguments): Promise<BoundLaunch | undefined>;
}

/** A call with all its arguments, checked once, for running it many times. Waits only where work is shared with threads. */
export type BoundLaunch = () => void | Promise<void>;

/** A call whose shapes, layouts and scalars are fixed, given the addresses of its tensors, outputs too, in order. */
export type AddressedLaunch = (addresses: readonly number[]) => void;

/** A kernel called without waiting. */
export type SyncKernel = (args?: Arguments) => Record<string, Tensor>;

/** Kernels by name; the instances of generic ones by their own names too (`softmax_f16`). */
export type Kernels = Record<string, Kernel>;

/** What the compiler is told of a device: `compile(source, device.compileOptions)`. */
export interface DeviceCompileOptions {
  readonly target: TargetName | readonly TargetName[];
  readonly features?: readonly string[];
  readonly limits?: Readonly<Record<string, number>>;
  /** What a GPU calls itself, for the entries of lock files. */
  readonly adapter?: string;
}

export interface Device {
  readonly name: DeviceName;
  /** Target, features and limits to compile for, so that kernels use what this device has and keep to what it grants. */
  readonly compileOptions: DeviceCompileOptions;
  /** What code for this device may use, found by trying: `simd128`, `relaxed-simd`, `threads`; `shader-f16`. */
  readonly features: readonly string[];
  /** Whether kernels are made for the sizes of a call, so that they may be refused only then. */
  readonly decidesByCall?: true;
  /** Threads that share parallel phases, the calling one included; absent where a device has no such thing. */
  readonly threads?: number;
  /** Makes the kernels of a compiled file callable. */
  load(source: KernelSource): Promise<Kernels>;
  /** A copy of a tensor in the device's memory, for use in many calls. */
  upload(tensor: Tensor): Promise<Tensor>;
  /** Copies elements into a tensor of the same size in the device's memory, both without gaps; absent where a new upload does as well. */
  write?(target: Tensor, source: Tensor): Promise<void> | void;
  /** Waits until every call made so far is done; absent where calls are done when they resolve. */
  finish?(): Promise<void>;
  /** Ends the device; its tensors can't be read any more. */
  close(): void;
}

/** Runs one instance: the arguments are checked, dims are bound. Gives `out` and `mut` tensors by name. */
export type Executable = (call: BoundCall) => Promise<Map<string, Tensor>>;

/** One instance of a kernel, ready to run. */
export interface Instance {
  readonly signature: Signature;
  readonly features: readonly string[];
  readonly run: Executable;
  /** Why the device can't carry out a call of these sizes, where that shows only then; undefined if it can. */
  readonly refusal?: (call: BoundCall) => Promise<KernError | undefined>;
  /** The same without waiting; absent on devices that can't. */
  readonly runSync?: (call: BoundCall) => Map<string, Tensor>;
  /** A call for running many times; absent on devices without, undefined for arguments that aren't there. */
  readonly bind?: (call: BoundCall) => BoundLaunch | undefined;
  /** Calls like this one on other tensors in the device's linear memory; absent on devices without, undefined where elements are packed. */
  readonly addressed?: (call: BoundCall) => AddressedLaunch | undefined;
}

/** The part of a device that loading goes through. */
export interface Backend extends Device {
  /** Every instance that a source holds for this device. */
  instances(source: KernelSource): Promise<readonly Instance[]>;
  /** The same without waiting; absent on devices that can't. */
  instancesSync?(source: KernelSource): readonly Instance[];
}

/** As much of a device as calls without waiting go through. */
export type SyncBackend = Pick<Backend, "name" | "features" | "compileOptions"> &
  Required<Pick<Backend, "instancesSync">>;

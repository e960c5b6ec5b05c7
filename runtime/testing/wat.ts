// Kernels written by hand after the WASM ABI, for tests of the device that must not depend on the compiler.

import type { Artifact, KernelArtifact, Signature, WasmLaunch } from "../../compiler/artifact.ts";

/** A signature with everything optional filled in. */
export function signature(partial: Pick<Signature, "name" | "params"> & Partial<Signature>): Signature {
  return {
    instance: partial.name,
    comptime: {},
    packs: {},
    dims: [],
    constraints: [],
    asserts: [],
    tolerance: { relative: 0, absolute: 0 },
    ...partial,
  };
}

export function kernelOf(described: Signature, launch: Partial<WasmLaunch> = {}): KernelArtifact {
  return {
    signature: described,
    launch: {
      kind: "wasm",
      phases: [{ extent: 1, parallel: false }],
      workerScratch: 0,
      callScratch: 0,
      features: ["threads"],
      ...launch,
    },
    report: { proved: 0, runtimeChecks: 0, notHonoured: [] },
  };
}

/** Assembles a module whose functions follow the ABI. */
export async function assemble(functions: string, kernels: readonly KernelArtifact[]): Promise<Artifact> {
  const { default: binaryen } = await import("binaryen");
  const module = binaryen.parseText(`(module (import "env" "memory" (memory 1 65536 shared)) ${functions})`);
  module.setFeatures(binaryen.Features.All);
  if (!module.validate()) throw new Error("the test's module is not valid");
  const code = module.emitBinary();
  module.dispose();
  return { format: 1, target: "wasm", code, kernels };
}

/** z[i] = x[i] + s * y[i], of f32 with any strides; assert 0 fails where x[i] is negative. */
export const axpy = {
  kernel: kernelOf(
    signature({
      name: "axpy",
      params: [
        { kind: "tensor", name: "x", mode: "in", dtype: "f32", shape: ["N"] },
        { kind: "tensor", name: "y", mode: "in", dtype: "f32", shape: ["N"] },
        { kind: "scalar", name: "s", dtype: "f32" },
        { kind: "tensor", name: "z", mode: "out", dtype: "f32", shape: ["N"] },
      ],
      dims: [{ name: "N", param: 0, axis: 0 }],
      constraints: [{ expr: [">=", "s", -100], text: "s >= -100" }],
      asserts: [
        {
          message: "x must not be negative",
          place: { file: "axpy.kern", line: 4, column: 9, text: "        assert x[i] >= 0" },
        },
      ],
    }),
    { phases: [{ extent: "N", parallel: true }], workerScratch: 32, callScratch: 8 },
  ),
  text: `(func (export "axpy") (param $x i32) (param $y i32) (param $z i32) (param $N i32)
      (param $sx i32) (param $sy i32) (param $sz i32) (param $s f32)
      (param $ws i32) (param $cs i32) (param $phase i32) (param $begin i32) (param $end i32) (result i32)
    (local $v f32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_s (local.get $begin) (local.get $end)))
        (local.set $v (f32.load (i32.add (local.get $x) (i32.shl (i32.mul (local.get $begin) (local.get $sx)) (i32.const 2)))))
        (if (f32.lt (local.get $v) (f32.const 0)) (then (return (i32.const 1))))
        (i32.store (local.get $ws) (local.get $begin))
        (f32.store (i32.add (local.get $z) (i32.shl (i32.mul (local.get $begin) (local.get $sz)) (i32.const 2)))
          (f32.add (local.get $v) (f32.mul (local.get $s)
            (f32.load (i32.add (local.get $y) (i32.shl (i32.mul (local.get $begin) (local.get $sy)) (i32.const 2)))))))
        (local.set $begin (i32.add (local.get $begin) (i32.const 1)))
        (br $next)))
    (i32.const 0))`,
};

/**
 * mut h, two phases over a Tensor[i64, *S] instance of rank 1: first h[i] += by, then, serially, the call's scratch
 * counts the elements and h[0] += count. Shows phases, barriers, scratch, bigint scalars and packs.
 */
export const bump = {
  kernel: kernelOf(
    signature({
      name: "bump",
      packs: { S: 1 },
      params: [
        { kind: "tensor", name: "h", mode: "mut", dtype: "i64", shape: ["S_0"] },
        { kind: "scalar", name: "by", dtype: "i64" },
      ],
      dims: [{ name: "S_0", param: 0, axis: 0 }],
    }),
    {
      phases: [
        { extent: 1, parallel: false },
        { extent: "S_0", parallel: true },
        { extent: 1, parallel: false },
      ],
      workerScratch: 16,
      callScratch: 16,
    },
  ),
  text: `(func (export "bump") (param $h i32) (param $N i32) (param $sh i32) (param $by i64)
      (param $ws i32) (param $cs i32) (param $phase i32) (param $begin i32) (param $end i32) (result i32)
    (local $at i32)
    (if (i32.eq (local.get $phase) (i32.const 0)) (then (i64.store (local.get $cs) (i64.const 0)) (return (i32.const 0))))
    (if (i32.eq (local.get $phase) (i32.const 2)) (then
      (i64.store (local.get $h) (i64.add (i64.load (local.get $h)) (i64.load (local.get $cs)))) (return (i32.const 0))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_s (local.get $begin) (local.get $end)))
        (local.set $at (i32.add (local.get $h) (i32.shl (i32.mul (local.get $begin) (local.get $sh)) (i32.const 3))))
        (i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (local.get $by)))
        (drop (i64.atomic.rmw.add (local.get $cs) (i64.const 1)))
        (local.set $begin (i32.add (local.get $begin) (i32.const 1)))
        (br $next)))
    (i32.const 0))`,
};

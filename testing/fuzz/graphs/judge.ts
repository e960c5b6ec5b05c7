// One drawn model on onnxruntime-web and on Kern, fused and not: what each makes of it.

import { loadModel } from "../../../runtime/onnx/index.ts";
import { OpRegistry, valuesOf, type Device, type Tensor } from "../../../runtime/index.ts";
import { modelBytes } from "../../onnx/models.ts";
import { openReference } from "../../onnx/reference.ts";
import { modelOf } from "./models.ts";

export type Verdict =
  | { readonly kind: "agrees"; readonly outputs: number }
  /** The reference can't run it, or not as ONNX says. */
  | { readonly kind: "untried"; readonly why: string }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "differs"; readonly why: string };

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs the model of a seed everywhere; the first thing that is wrong is what counts. */
export async function judge(seed: number, devices: readonly Device[]): Promise<Verdict> {
  const { spec, data } = modelOf(seed);
  const bytes = modelBytes(spec);
  let wanted: Record<string, Tensor>;
  try {
    const reference = await openReference(bytes, { graphOptimizationLevel: "disabled" });
    try {
      wanted = await reference.run(data);
    } finally {
      await reference.close();
    }
  } catch (error) {
    return { kind: "untried", why: said(error) };
  }
  for (const device of devices)
    for (const fusion of [true, false]) {
      const where = `${device.name}${fusion ? "" : ", unfused"}`;
      try {
        const model = await loadModel(bytes, { device, fusion, registry: new OpRegistry() });
        // The second run takes the plan of the first, and memory that was used.
        for (let turn = 0; turn < 2; turn++) {
          const given = await model.run(data);
          for (const [name, want] of Object.entries(wanted)) {
            const wrong = await difference(given[name], want);
            if (wrong) return { kind: "differs", why: `${where}, run ${turn + 1}: \`${name}\` ${wrong}` };
          }
        }
      } catch (error) {
        return { kind: "refused", why: `${where}: ${said(error)}` };
      }
    }
  return { kind: "agrees", outputs: Object.keys(wanted).length };
}

/** Floats were rounded on the way to them; all else is equal. */
async function difference(given: Tensor | undefined, want: Tensor): Promise<string | undefined> {
  if (!given) return "is missing";
  if (given.dtype !== want.dtype) return `is ${given.dtype} instead of ${want.dtype}`;
  if (given.shape.join() !== want.shape.join())
    return `has the shape [${given.shape.join(", ")}] instead of [${want.shape.join(", ")}]`;
  const [a, b] = [[...(await valuesOf(given))].map(Number), [...(await valuesOf(want))].map(Number)];
  const largest = b.reduce(
    (most, each) => (Number.isFinite(each) ? Math.max(most, Math.abs(each)) : most),
    0,
  );
  const coarse = want.dtype === "f16" ? 2e-2 : 1e-3;
  const wholes = !want.dtype.startsWith("f");
  for (const [at, y] of b.entries()) {
    const x = a[at]!;
    if (Object.is(x, y) || x === y || (Number.isNaN(x) && Number.isNaN(y))) continue;
    if (!wholes && Math.abs(x - y) <= coarse * Math.abs(y) + coarse * 0.05 * Math.max(1, largest)) continue;
    return `has ${x} instead of ${y} at ${at} of [${want.shape.join(", ")}] ${want.dtype}`;
  }
  return undefined;
}

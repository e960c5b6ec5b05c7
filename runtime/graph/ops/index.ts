// The table of operators: ONNX's own and those of `com.microsoft` that real models use, by name and version.

import { attentions } from "./attention.ts";
import { cachedAttentions } from "./cached-attention.ts";
import { columns } from "./columns.ts";
import { convolutions } from "./convolution.ts";
import { einsums } from "./einsum.ts";
import { elementwise } from "./elementwise.ts";
import { gathering } from "./gathering.ts";
import { layout } from "./layout.ts";
import { losses } from "./losses.ts";
import { making } from "./making.ts";
import { matching } from "./matching.ts";
import { products } from "./matmul.ts";
import type { OpRow } from "./node.ts";
import { normalization } from "./normalization.ts";
import { padding } from "./padding.ts";
import { quantizedOps } from "./qlinear.ts";
import { quantization } from "./quantization.ts";
import { recurrence } from "./recurrent.ts";
import { resizing } from "./resize.ts";
import { sampling } from "./sampling.ts";
import { scanning } from "./scanning.ts";
import { selecting } from "./selecting.ts";
import { spectra } from "./spectra.ts";
import { transformers } from "./transformer.ts";
import { pooling } from "./pooling.ts";
import { reduction } from "./reduction.ts";

const rows: readonly OpRow[] = [
  ...attentions,
  ...cachedAttentions,
  ...columns,
  ...convolutions,
  ...einsums,
  ...elementwise,
  ...gathering,
  ...layout,
  ...losses,
  ...making,
  ...matching,
  ...normalization,
  ...padding,
  ...pooling,
  ...quantization,
  ...quantizedOps,
  ...recurrence,
  ...resizing,
  ...sampling,
  ...scanning,
  ...selecting,
  ...spectra,
  ...transformers,
  ...products,
  ...reduction,
];

const byName = new Map<string, OpRow[]>();
for (const row of rows) byName.set(row.op, [...(byName.get(row.op) ?? []), row]);

/** The row for an operator as its operator set meant it in `version`. */
export function rowFor(op: string, version: number): OpRow | undefined {
  const found = byName.get(op)?.filter(({ since }) => since <= version) ?? [];
  return found.reduce<OpRow | undefined>(
    (best, row) => (best && best.since >= row.since ? best : row),
    undefined,
  );
}

/** Names of all operators, sorted. */
export const knownOps: readonly string[] = [...byName.keys()].toSorted();

// The table of operators: ONNX's own and those of `com.microsoft` that real models use, by name and version.

import { elementwise } from "./elementwise.ts";
import { layout } from "./layout.ts";
import { gathering } from "./gathering.ts";
import { making } from "./making.ts";
import { normalization } from "./normalization.ts";
import { products } from "./matmul.ts";
import { reduction } from "./reduction.ts";
import type { OpRow } from "./node.ts";

const rows: readonly OpRow[] = [
  ...elementwise,
  ...layout,
  ...reduction,
  ...products,
  ...making,
  ...gathering,
  ...normalization,
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

// Results back into the range of their dtype: narrow integers wrap, bf16 rounds, and f16 where it is held in an f32; 32-bit types do so by themselves.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import type { HelperSet } from "./helpers.ts";
import { binary, call, primary, type Text } from "./text.ts";
import { isNarrow } from "./types.ts";

/** Brings a result that may have left the range of its dtype back into it, as the dtype rounds or wraps. */
export function wrap(value: Text, dtype: Dtype, helpers: HelperSet): Text {
  if (dtype === "f16" && helpers.halves === "converted") return call(helpers.use("round_to_f16"), value);
  if (dtype === "bf16") return call(helpers.use("round_to_bf16"), value);
  if (!isNarrow(dtype)) return value;
  const { kind, bits } = dtypeInfo(dtype);
  if (kind === "int") return call("extractBits", value, primary("0u"), primary(`${bits}u`));
  return binary("&", value, mask(bits));
}

export function mask(bits: number): Text {
  return primary(`0x${(2 ** bits - 1).toString(16)}u`);
}

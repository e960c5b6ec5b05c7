// The part of a buffer that a shader sees. A binding may be smaller than a buffer, so a view of a part of a large buffer
// is bound by a window around it.

import { dtypeInfo, type Dtype } from "../../../lang/dtypes.ts";
import { kernError } from "../../error.ts";
import { layoutEnd, type Layout } from "../../tensor/layout.ts";
import { bytesOf } from "../../tensor/storage.ts";

export interface Window {
  readonly binding: GPUBufferBinding;
  /** The layout, counted from the window's beginning. */
  readonly layout: Layout;
}

/** Binds the whole buffer, or as much of it as the layout needs where that is too much for the GPU. */
export function windowOf(
  limits: GPUSupportedLimits,
  buffer: GPUBuffer,
  dtype: Dtype,
  layout: Layout,
  what: string,
): Window {
  const { maxStorageBufferBindingSize: limit, minStorageBufferOffsetAlignment: step } = limits;
  if (buffer.size <= limit) return { binding: { buffer }, layout };
  const { bits } = dtypeInfo(dtype);
  const start = Math.floor((layout.offset * bits) / 8 / step) * step;
  const end = Math.min(Math.ceil(bytesOf(dtype, layoutEnd(layout)) / 16) * 16, buffer.size);
  const size = Math.max(end - start, 16);
  if (size > limit)
    throw kernError(
      "K0712",
      { what, bytes: size },
      { notes: [`this GPU binds at most ${limit.toLocaleString("en")} bytes of a buffer`] },
    );
  return {
    binding: { buffer, offset: start, size },
    layout: { ...layout, offset: layout.offset - (start * 8) / bits },
  };
}

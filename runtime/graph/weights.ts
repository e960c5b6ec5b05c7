// Weights on a device, each once for all stages of a model.

import { dtypeInfo } from "../../lang/dtypes.ts";
import type { Device } from "../device.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Weights on the device, shared by all stages of a model. */
export class Weights {
  private readonly device: Device;
  private readonly uploaded = new Map<Tensor, Promise<Tensor>>();
  bytes = 0;

  constructor(device: Device) {
    this.device = device;
  }

  upload(constant: Tensor): Promise<Tensor> {
    let found = this.uploaded.get(constant);
    if (!found) {
      this.bytes += Math.ceil((constant.size * dtypeInfo(constant.dtype).bits) / 8);
      found = this.device.upload(constant);
      this.uploaded.set(constant, found);
    }
    return found;
  }

  /** Gives their memory back. */
  async dispose(): Promise<void> {
    const uploads = await Promise.allSettled(this.uploaded.values());
    this.uploaded.clear();
    this.bytes = 0;
    for (const each of uploads) if (each.status === "fulfilled") each.value.dispose();
  }
}

// Weights on a device, each once for all stages of a model that read it.

import { dtypeInfo } from "../../lang/dtypes.ts";
import type { Device } from "../device.ts";
import type { Tensor } from "../tensor/tensor.ts";

interface Held {
  readonly uploaded: Promise<Tensor>;
  readonly bytes: number;
  /** Stages that read it. */
  readers: number;
}

/** Constants on the device, shared by all stages of a model, for as long as one of them reads them. */
export class Weights {
  private readonly device: Device;
  private readonly held = new Map<Tensor, Held>();
  /** Of what is held now. */
  bytes = 0;

  constructor(device: Device) {
    this.device = device;
  }

  /** A constant on the device, until as many `release`. */
  take(constant: Tensor): Promise<Tensor> {
    let found = this.held.get(constant);
    if (!found) {
      const bytes = Math.ceil((constant.size * dtypeInfo(constant.dtype).bits) / 8);
      found = { uploaded: this.device.upload(constant), bytes, readers: 0 };
      this.held.set(constant, found);
      this.bytes += bytes;
    }
    found.readers++;
    return found.uploaded;
  }

  /** Gives its memory back if nobody else has taken it. */
  release(constant: Tensor): void {
    const found = this.held.get(constant);
    if (!found || --found.readers > 0) return;
    this.held.delete(constant);
    this.bytes -= found.bytes;
    // Who took an upload that failed was told of it.
    found.uploaded.then(
      (tensor) => tensor.dispose(),
      () => undefined,
    );
  }
}

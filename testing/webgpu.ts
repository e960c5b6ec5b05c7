// The GPU that tests run on: whatever WebGPU finds, on machines without one Mesa's lavapipe (scripts/system.sh installs
// it and prints the environment that finds it). Where there is none, tests are skipped by name and reason; under CI
// that fails.

import { KernError, openDevice, type WebgpuDevice } from "../runtime/index.ts";

let opened: Promise<WebgpuDevice | string> | undefined;

/** The device that the tests of a file share, or why there is none. */
export function testGpu(): Promise<WebgpuDevice | string> {
  return (opened ??= open());
}

async function open(): Promise<WebgpuDevice | string> {
  try {
    return await openDevice("webgpu");
  } catch (error) {
    if (!(error instanceof KernError) || process.env["CI"]) throw error;
    console.warn(`skipped: tests on WebGPU: ${error.message}`);
    return error.message;
  }
}

/** Ends the shared device, which would keep the process alive. */
export async function closeTestGpu(): Promise<void> {
  const device = await opened;
  if (typeof device === "object") device.close();
  opened = undefined;
}

/** What a skipped group of tests says behind its name. */
export function skipReason(device: unknown): string {
  return typeof device === "string" ? `(skipped: ${device})` : "";
}

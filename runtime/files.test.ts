// Files that were damaged on their way: each is refused with what is wrong with it. Addresses of data take the place of files.

import { afterAll, beforeAll, expect, test } from "vitest";
import { loadFiles, openDevice, type Device } from "./index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice("wasm");
});
afterAll(() => device.close());

const data = (text: string): URL => new URL(`data:,${encodeURIComponent(text)}`);

test.each([
  ['{"format": 1, "ker', "is not JSON"],
  ["", "is not JSON"],
  ["{}", "not a manifest of kernc"],
  ["null", "not a manifest of kernc"],
  ['{"format": 99}', "not a manifest of kernc"],
])("the manifest %j", async (text, words) => {
  const code = { wasm: data("") };
  await expect(loadFiles(device, { manifest: data(text), code })).rejects.toThrow(words);
  await expect(loadFiles(device, { manifest: data(text), code })).rejects.toThrow("K0714");
});

test("files that aren't there", async () => {
  const none = new URL("none.json", import.meta.url);
  await expect(loadFiles(device, { manifest: none, code: { wasm: data("") } })).rejects.toThrow(
    "can’t be read",
  );
  await expect(loadFiles(device, { manifest: none, code: {} })).rejects.toThrow(
    "not compiled for the device wasm",
  );
});

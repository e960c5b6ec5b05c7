// The model in a page, beside onnxruntime-web, on one GPUDevice; `?device=wasm`, or no WebGPU, runs it in WebAssembly.

import * as ort from "onnxruntime-web/webgpu";
import { compile } from "kernc";
import { createSession } from "kernc/ort";
import { openDevice, OpRegistry } from "kernc/runtime";
import text from "./custom-op.kern?raw";
import { onnxModel, placesOf } from "./model.mjs";
import address from "./photo.png";

const { dataset } = document.documentElement;
const said = document.querySelector("#said");

async function deviceOf(query) {
  if (query.get("device") === "wasm" || !navigator.gpu) return openDevice("wasm");
  return openDevice("webgpu").catch(() => openDevice("wasm"));
}

async function run() {
  ort.env.wasm.numThreads = 1;
  const device = await deviceOf(new URLSearchParams(location.search));
  const { deform_conv } = await device.load(
    await compile({ path: "custom-op.kern", text }, device.compileOptions),
  );
  const registry = new OpRegistry().register(deform_conv);
  const session = await createSession(onnxModel(), { ort, device, registry });

  const photo = new Image();
  photo.src = address;
  await photo.decode();
  const { naturalWidth: columns, naturalHeight: rows } = photo;
  const canvas = Object.assign(document.querySelector("#rippled"), { width: columns, height: rows });
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0);
  const picture = context.getImageData(0, 0, columns, rows);
  const count = rows * columns;
  const image = Float32Array.from(
    { length: 3 * count },
    (_, at) => picture.data[4 * (at % count) + Math.floor(at / count)] / 255,
  );

  const { y } = await session.run({
    image: new ort.Tensor("float32", image, [1, 3, rows, columns]),
    places: new ort.Tensor("float32", placesOf(rows, columns), [1, 2, rows, columns]),
  });
  const rippled = await y.getData();
  for (let at = 0; at < 3 * count; at++)
    picture.data[4 * (at % count) + Math.floor(at / count)] = Math.round(Math.min(rippled[at], 1) * 255);
  context.putImageData(picture, 0, 0);

  const { toKern, toOrt, copies } = session.handovers;
  said.textContent = `${device.name}: ${toKern} tensors handed to the kernel, ${toOrt} back, ${copies} copied`;
  dataset.ready = "true";
}

run().catch((error) => {
  said.textContent = String(error);
  dataset.ready = "failed";
});

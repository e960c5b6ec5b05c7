// Kernels are compiled for WebGPU and for WASM: the page takes the code for the device that it finds.

import kern from "kernc/vite";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  plugins: [kern({ target: ["wgsl", "wasm"] })],
  server: { fs: { allow: ["../.."] } },
  build: { rolldownOptions: { input: ["index.html", "bench.html"] } },
});

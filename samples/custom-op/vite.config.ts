// A page without plugins: the kernel is compiled in the page, for the device that it finds there.

import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  server: { fs: { allow: ["../.."] } },
  build: { target: "esnext" },
});

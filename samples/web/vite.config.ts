// `--mode plain` leaves out the headers that isolate the page: its kernels then run on one thread, to the same result.

import kern from "kernc/vite";
import { defineConfig } from "vite";

const isolated = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig(({ mode }) => {
  const headers = mode === "plain" ? {} : isolated;
  return {
    base: "./",
    plugins: [kern()],
    server: { headers, fs: { allow: ["../.."] } },
    preview: { headers },
  };
});

// Bundles the package into dist/ and writes its declarations. One build for all modules that programs import, so that
// they share their chunks (a Tensor is the same class wherever it comes from), split so that nothing is loaded before it
// is needed. The command line is a program of its own, in one file that starts fast.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = join(root, "dist");

const input = {
  cwd: root,
  platform: "node",
  external: [
    /^node:/,
    /^binaryen($|\/)/,
    /^prettier($|\/)/,
    /^vscode-languageserver/,
    /^unplugin($|\/)/,
    /^onnx-buf$/,
    /^@bufbuild\//,
  ],
  treeshake: {
    moduleSideEffects: [
      { test: /kernc\.ts$/, sideEffects: true },
      { external: true, sideEffects: false },
    ],
  },
};
// Names stay, for the sake of stack traces. The rest is for the time it takes to start: the engine reads text of
// one-byte characters, and less of it, in half the time.
const style = {
  minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  charset: "ascii",
  comments: { legal: true },
};

const bundle = await rolldown({
  ...input,
  input: {
    index: "compiler/index.ts",
    runtime: "runtime/index.ts",
    onnx: "runtime/onnx/index.ts",
    tfjs: "runtime/tfjs/index.ts",
    ort: "runtime/ort/index.ts",
    prettier: "lang/format/plugin.ts",
    kernc: "tools/kernc/kernc.ts",
    vite: "tools/vite/index.ts",
  },
});
const { output } = await bundle.write({
  ...style,
  dir: out,
  format: "esm",
  chunkFileNames: "chunks/[name]-[hash].js",
});
await bundle.close();

// What it imports statically from outside would be loaded at every start: Prettier's core comes along instead.
const program = await rolldown({
  ...input,
  input: "tools/kernc/program.ts",
  external: [/^node:/, /^binaryen($|\/)/, /^prettier$/, /^vscode-languageserver/],
});
const { output: programOutput } = await program.generate({ ...style, format: "cjs", codeSplitting: false });
await program.close();
// `kernc.ts` hands its own `import()` to the program.
const code = programOutput[0].code.replaceAll(
  /\bimport\((?=["'`](node:|binaryen|prettier|vscode-languageserver)|[^)]*nodePackage\))/g,
  "__import(",
);
// The last line says which compiled code is this text's.
const hash = createHash("sha256").update(code).digest("hex").slice(0, 16);
writeFileSync(join(out, "program.cjs"), `${code}//${hash}`);

// What an earlier build left goes only now that this one is whole. Declarations stay: tsc writes those that changed.
const written = new Set(output.map(({ fileName }) => fileName));
for (const name of readdirSync(out, { recursive: true }))
  if (
    /\.(js(\.map)?|cache)$/.test(name) &&
    !name.startsWith("types") &&
    !written.has(name.replaceAll("\\", "/"))
  )
    rmSync(join(out, name), { force: true });
chmodSync(join(out, "kernc.js"), 0o755);
await import("./warm.mjs");

const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const types = spawnSync(process.execPath, [tsc, "-b", "tools"], { cwd: root, stdio: "inherit" });
process.exitCode = types.status ?? 1;

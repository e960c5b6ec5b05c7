// Compiled files in hosts of their own: `kernc compile` writes them, and programs that know WebGPU alone call the kernels
// through the bindings, in Node and in a page.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createColors } from "picocolors";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { noChromium, openChromium, openPage, webgpuArguments } from "../testing/chromium.ts";
import { closeTestGpu, skipReason, testGpu } from "../testing/webgpu.ts";
import { main } from "../tools/kernc/main.ts";

const source = `from std.math import exp

kernel softmax(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    @parallel
    for i in range(M):
        let peak = max(x[i, j] for j in range(N))
        let total = sum(exp(x[i, j] - peak) for j in range(N))
        for j in range(N):
            y[i, j] = exp(x[i, j] - peak) / total

kernel center(x: Tensor[f32, N], s: f32, mut y: Tensor[f32, N], out z: Tensor[u8, N // 2]) where N % 2 == 0:
    @parallel
    for i in range(N):
        y[i] += x[i] * s
    let middle = mean(y[i] for i in range(N))
    for i in range(N // 2):
        z[i] = u8(saturate[u8](y[2 * i] - middle))

kernel gather(x: Tensor[f32, N], at: Tensor[i32, M], out y: Tensor[f32, M]):
    for i in range(M):
        assert 0 <= at[i] and at[i] < N, "an index lies outside"
        y[i] = x[at[i]]
`;

/** What each host does, and what it says then. */
const program = `
    const { softmax, center, gather } = await load(device);
    const tensor = (values, shape = [values.length], Class = Float32Array) =>
      Object.assign(Class.from(values), { shape });
    const rejects = (work) => work.then(() => say("nothing failed"), (error) => say(error.message));

    const { y } = await softmax({ x: tensor(Array.from({ length: 39 }, (_, at) => at % 7), [3, 13]) });
    const values = await read(device, y);
    const rows = [0, 1, 2].map((i) => values.subarray(13 * i, 13 * i + 13).reduce((sum, v) => sum + v, 0));
    say(rows.map((sum) => sum.toFixed(5)).join(" "), y.shape.join());

    // A view of an application's buffer, in the application's own submission.
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: 48, usage });
    device.queue.writeBuffer(buffer, 0, Float32Array.from({ length: 12 }, (_, at) => at));
    const encoder = device.createCommandEncoder();
    const x = { buffer, shape: [2, 3], strides: [6, 2], offset: 1 };
    const view = await softmax({ x }, { encoder });
    const again = await softmax({ x: view.y }, { encoder });
    device.queue.submit([encoder.finish()]);
    say(...[...(await read(device, again.y))].map((v) => v.toFixed(4)));

    const centered = await center({ x: tensor([1, 2, 3, 40]), s: 2, y: tensor([1, 1, 1, 1]) });
    say((await read(device, centered.y)).join(), (await read(device, centered.z)).join());
    await rejects(center({ x: tensor([1]), s: 2, y: tensor([1]) }));

    const from = tensor([10, 20, 30]);
    say((await read(device, (await gather({ x: from, at: tensor([2, 0], [2], Int32Array) })).y)).join());
    await rejects(gather({ x: from, at: tensor([2, 3], [2], Int32Array) }));`;

const said = [
  "1.00000 1.00000 1.00000 3,13",
  "0.2248 0.2488 0.5264 0.2248 0.2488 0.5264",
  "3,5,7,81 0,0",
  "center needs N % 2 == 0",
  "30,10",
  "an index lies outside",
];

const folder = mkdtempSync(join(tmpdir(), "kern-wgsl-abi-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  writeFileSync(join(folder, "host.kern"), source);
  const colors = createColors(false);
  let output = "";
  const write = (text: string): void => void (output += text);
  const args = ["compile", join(folder, "host.kern"), "--target", "wgsl", "--out", folder];
  const code = await main(args, { out: write, err: write, colors, errColors: colors, interactive: false });
  expect(code, output).toBe(0);
});

test("the bindings import nothing", () => {
  expect(readFileSync(join(folder, "host.webgpu.js"), "utf8")).not.toMatch(
    /\bimport\b(?!\.meta)|\brequire\b/,
  );
});

const gpu = await testGpu();
await closeTestGpu();

test.skipIf(typeof gpu === "string")(`a program in Node ${skipReason(gpu)}`, () => {
  const webgpu = import.meta.resolve("webgpu");
  writeFileSync(
    join(folder, "program.mjs"),
    `import { create, globals } from ${JSON.stringify(webgpu)};
    import { load, read } from "./host.webgpu.js";
    Object.assign(globalThis, globals);
    // Dawn's threads don't survive their instance.
    const gpu = (globalThis.kept = create([]));
    const device = await (await gpu.requestAdapter()).requestDevice();
    const say = (...words) => console.log(...words);
    ${program}
    device.destroy();`,
  );
  const printed = execFileSync(process.execPath, ["program.mjs"], { cwd: folder, encoding: "utf8" });
  expect(printed.trim().split("\n")).toEqual(said);
});

describe.skipIf(noChromium)("in a plain page", () => {
  let browser: Browser;
  let server: Server;
  beforeAll(async () => {
    const page = `<!doctype html><link rel="icon" href="data:," /><script type="module">
    import { load, read } from "./host.webgpu.js";
    const device = await (await navigator.gpu.requestAdapter()).requestDevice();
    const lines = [];
    const say = (...words) => lines.push(words.join(" "));
    ${program}
    document.title = JSON.stringify(lines);
    </script>`;
    writeFileSync(join(folder, "index.html"), page);
    const types: Readonly<Record<string, string>> = { js: "text/javascript", html: "text/html" };
    server = createServer(({ url = "" }, response) => {
      const name = basename(url) || "index.html";
      response.setHeader("content-type", types[name.split(".").at(-1)!] ?? "text/plain");
      response.end(readFileSync(join(folder, name)));
    });
    await new Promise<void>((resolve) => server.listen(0, resolve));
    browser = await openChromium(webgpuArguments);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test("the same program", async () => {
    const { page, errors } = await openPage(browser);
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => document.title !== "").catch(() => {});
    expect(errors).toEqual([]);
    expect(JSON.parse(await page.title())).toEqual(said);
  });
});

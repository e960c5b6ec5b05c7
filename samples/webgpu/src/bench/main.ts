// The page that measures: a row for each kernel, and a file with all that is needed to read the figures later.
// `?size=small` is for a look, without a GPU's worth of work.

import "../../../web/src/style.css";
import "../page.css";
import { openDevice, type WebgpuDevice } from "kernc/runtime";
import { measure, type Measured } from "./measure";
import { workloads } from "./workloads";

const element = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;
const full = new URLSearchParams(location.search).get("size") !== "small";

function rowOf({ name, milliseconds, by, operations, bytes, error, agrees, refused }: Measured): string[] {
  if (refused !== undefined) return [name, "–", "", "", refused];
  const rate =
    operations === undefined
      ? `${(bytes! / milliseconds! / 1e6).toFixed(1)} GB/s`
      : `${(operations / milliseconds! / 1e6).toFixed(1)} Gop/s`;
  const verdict = agrees ? "agrees" : "differs";
  return [
    name,
    `${milliseconds!.toPrecision(3)} ms`,
    by!,
    rate,
    error === 0 ? verdict : `${verdict}, by ${error!.toExponential(0)}`,
  ];
}

function show(row: Measured): void {
  const line = document.createElement("tr");
  for (const text of rowOf(row)) line.insertCell().textContent = text;
  if (row.agrees === false) line.className = "wrong";
  document.querySelector("tbody")!.append(line);
}

async function run(gpu: WebgpuDevice): Promise<Measured[]> {
  const wasm = await openDevice("wasm");
  const rows: Measured[] = [];
  try {
    const work = workloads(full, gpu.features.includes("shader-f16"));
    for (const [at, each] of work.entries()) {
      element("note").textContent = `${at + 1} of ${work.length}: ${each.name} …`;
      rows.push(await measure(gpu, wasm, each, full ? 700 : 30));
      show(rows.at(-1)!);
    }
  } finally {
    wasm.close();
  }
  const wrong = rows.filter(({ agrees }) => agrees === false).length;
  element("note").textContent = wrong === 0 ? "done" : `done: ${wrong} of the results differ`;
  return rows;
}

/** What is saved: the figures, and what they were measured on. */
function report(gpu: WebgpuDevice, rows: readonly Measured[]): string {
  const { vendor, architecture, device, description } = gpu.adapterInfo ?? {};
  const { features, limits } = gpu;
  const measured = { date: new Date().toISOString(), browser: navigator.userAgent, full };
  return JSON.stringify(
    { format: 1, ...measured, gpu: { vendor, architecture, device, description, features, limits }, rows },
    undefined,
    2,
  );
}

async function start(): Promise<void> {
  const gpu = await openDevice("webgpu");
  const { vendor, architecture, description } = gpu.adapterInfo ?? {};
  element("device").textContent =
    `WebGPU · ${description || [vendor, architecture].filter(Boolean).join(" ")}`;
  const [measureButton, save] = [element<HTMLButtonElement>("start"), element<HTMLButtonElement>("save")];
  let rows: readonly Measured[] = [];
  measureButton.disabled = false;
  measureButton.addEventListener("click", () => {
    measureButton.disabled = save.disabled = true;
    document.querySelector("tbody")!.replaceChildren();
    run(gpu)
      .then((found) => {
        rows = found;
        save.disabled = false;
        document.documentElement.dataset.ready = "measured";
      }, fail)
      .finally(() => (measureButton.disabled = false));
  });
  save.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([report(gpu, rows)], { type: "application/json" }));
    Object.assign(document.createElement("a"), { href: address, download: "kern-on-this-gpu.json" }).click();
    URL.revokeObjectURL(address);
  });
  document.documentElement.dataset.ready = "true";
}

function fail(error: unknown): void {
  element("device").textContent = error instanceof Error ? error.message : String(error);
  document.documentElement.dataset.ready = "failed";
}

start().catch(fail);

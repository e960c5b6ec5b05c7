// The page: says what the kernels run on, and mounts a panel for each.

import { sharedDevice } from "kernc/runtime";
import { mountEdges } from "./edges-panel";
import { mountSoftmax } from "./softmax-panel";
import "./style.css";

const section = (id: string): HTMLElement => document.getElementById(id)!;

async function start(): Promise<void> {
  const { name, threads = 1 } = await sharedDevice();
  section("device").textContent = [
    name.toUpperCase(),
    threads === 1 ? "1 thread" : `${threads} threads`,
    crossOriginIsolated ? "cross-origin isolated" : "not cross-origin isolated",
  ].join(" · ");
  await Promise.all([mountEdges(section("edges")), mountSoftmax(section("softmax"))]);
  document.documentElement.dataset.ready = "true";
}

start().catch((error: unknown) => {
  section("device").textContent = error instanceof Error ? error.message : String(error);
  document.documentElement.dataset.ready = "failed";
});

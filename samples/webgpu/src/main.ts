// The page: says what the kernels run on, and mounts a panel for each.

import "../../web/src/style.css";
import "./page.css";
import { mountBlur } from "./blur-panel";
import { openBest } from "./device";
import { mountMatmul } from "./matmul-panel";

const section = (id: string): HTMLElement => document.getElementById(id)!;

async function start(): Promise<void> {
  const { words } = await openBest();
  section("device").textContent = words;
  await mountBlur(section("blur"));
  await mountMatmul(section("matmul"));
  document.documentElement.dataset.ready = "true";
}

start().catch((error: unknown) => {
  section("device").textContent = error instanceof Error ? error.message : String(error);
  document.documentElement.dataset.ready = "failed";
});

// The time of a piece of work. Milliseconds by the clock or of the processor, whichever are fewer: on an idle machine they
// are the same; on a busy one the clock also counts what the process waited for a core, the processor's time also what the
// engine's own threads did.

export async function timed(work: () => void | Promise<void>): Promise<number> {
  const used = process.cpuUsage();
  const start = performance.now();
  await work();
  const passed = performance.now() - start;
  const { user, system } = process.cpuUsage(used);
  return Math.min(passed, (user + system) / 1000);
}

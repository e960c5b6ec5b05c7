// `kernc/ort`: kernels in Kern as nodes of models that onnxruntime-web runs.

export { createSession, Session, type LeftNode, type SessionOptions } from "./session.ts";
export type { PartDescription } from "./sequence.ts";
export type { Handovers } from "./handover.ts";
export type { Ort } from "./types.ts";

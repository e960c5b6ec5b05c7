// `kernc/onnx`: models in ONNX's format, run by kernels in Kern.

export {
  loadModel,
  Model,
  portText,
  type ModelOptions,
  type ModelStatistics,
  type Tensors,
} from "./model.ts";
export { externalFiles, importOnnx } from "./import.ts";
export type { Dim, Graph, GraphNode, GraphPort } from "../graph/graph.ts";

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
export { activationsOf, quantizeModel, type Quantized, type QuantizeOptions } from "../quantize/quantize.ts";
export { rangesOf, type Method, type Range, type Ranges } from "../quantize/ranges.ts";

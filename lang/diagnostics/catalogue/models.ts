// Entries K10xx: models, and the graphs that they become.

import { entry } from "./entry.ts";

export const models = {
  K1001: entry<{ why: string }>({
    severity: "error",
    name: "bad-model",
    message: ({ why }) => `this is not an ONNX model I can use: ${why}`,
    explain: `The file is checked before anything is made of it: it must be a whole protobuf message of ONNX's schema with
a graph in it, tensors must have as much data as their shapes say, each value must be defined once and before it is used,
and the versions of the operator sets must be ones that I know (1 to 24 of \`ai.onnx\`).`,
  }),
  K1002: entry<{ op: string; node: string }>({
    severity: "error",
    name: "unknown-op",
    message: ({ op, node }) => `the model needs \`${op}\` (${node}), and there is nothing for it`,
    explain: `The graph compiler knows ONNX's operators for inference and some of \`com.microsoft\`. Anything else is looked up in
the registry of ops: give a kernel the op's name, \`@op("my.domain::MyOp")\`, load it on the device that runs the model, and
\`ops.register(kernel)\` it before the model is loaded. Its inputs go to the parameters in order, its attributes to the
compile-time parameters of the same names.`,
  }),
  K1003: entry<{ node: string; why: string }>({
    severity: "error",
    name: "bad-node",
    message: ({ node, why }) => `${node} doesn’t work out: ${why}`,
    explain: `A node of the model was given values, shapes or attributes that its operator doesn't allow, or asks for a variant
of it that isn't supported. The sentence names the node and what is wrong; the shapes are those of this run, since shapes that the model leaves
open are known only then.`,
  }),
  K1004: entry<{ nodes: string }>({
    severity: "error",
    name: "cyclic-model",
    message: ({ nodes }) => `the model’s nodes need each other’s results: ${nodes}`,
    explain: `A graph is carried out node by node, each after those whose results it takes. These nodes form a cycle, so none of them
can be the first.`,
  }),
  K1005: entry<{ tensor: string; why: string }>({
    severity: "error",
    name: "external-data",
    message: ({ tensor, why }) => `I can’t get the data of \`${tensor}\`: ${why}`,
    explain: `Large models keep their weights in files beside the model. A location must be a relative path that stays within the
model's folder, and the file must be as long as the tensor needs. In a page, or from bytes, give the files by name:
\`loadModel(bytes, { device, externalData: { "weights.bin": bytes } })\`.`,
  }),
  K1006: entry<{ input: string; expected: string; given: string } | { input: string; known: string }>({
    severity: "error",
    name: "model-input",
    message: (params) =>
      "known" in params
        ? `the model has no input \`${params.input}\`; it takes ${params.known}`
        : `the model’s input \`${params.input}\` takes ${params.expected}, but was given ${params.given}`,
    explain: `\`model.inputs\` lists names, dtypes and shapes; sizes that the model leaves open have a name or are null there, and
inputs that share a name must agree.`,
  }),
  K1007: entry<{ why: string }>({
    severity: "error",
    name: "nothing-to-quantize",
    message: ({ why }) => `nothing of the model can be quantized: ${why}`,
    explain: `Quantization makes small integers of constant weights of f32: those of Conv, MatMul, Gemm and Gather in the model's main graph.
Weights that are transposed, reshaped or passed on by nodes count as constant. Weights that the model computes otherwise, of other dtypes, that
aren't finite, or that a caller may give (inputs of the model with a default) are left as they are, and so are convolutions with \`--bits 4\`. A model in
which nothing is left to do was perhaps quantized before.`,
  }),
};

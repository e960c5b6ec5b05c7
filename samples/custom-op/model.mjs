// The same model twice, as an ONNX file and for TensorFlow.js: ripples are computed by ordinary nodes, and `DeformConv`, which neither
// format's runtime has, blurs the picture along them.
//
//   places [1, 2, H, W] -> Mul -> Sin -> Mul -> Tile [1, 18, H, W] --+
//   image [1, 3, H, W] ----------------------------------------- DeformConv -> Relu -> y [1, 3, H, W]

import { create, toBinary } from "@bufbuild/protobuf";
import { AttributeProto_AttributeType as Type, ModelProtoSchema, TensorProto_DataType } from "onnx-buf";

const { FLOAT, INT64 } = TensorProto_DataType;

/** Ripples a radian every 14 pixels, 5 pixels high. */
const [frequency, height] = [1 / 14, 5];

/** Each channel is blurred by itself: [3, 3, 3, 3]. */
const bell = [1, 2, 1, 2, 4, 2, 1, 2, 1].map((weight) => weight / 16);
const weights = Float32Array.from({ length: 81 }, (_, at) =>
  Math.floor(at / 27) === Math.floor(at / 9) % 3 ? bell[at % 9] : 0,
);

/** Where each pixel's neighbours are moved by: the column says how far down, the row how far right. */
export function placesOf(rows, columns) {
  const places = new Float32Array(2 * rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      places[i * columns + j] = j;
      places[(rows + i) * columns + j] = i;
    }
  return places;
}

/** The bytes of an ONNX file. */
export function onnxModel() {
  const port = (name, channels) => {
    const dim = [1, channels, "rows", "columns"].map((size) => ({
      value:
        typeof size === "string"
          ? { case: "dimParam", value: size }
          : { case: "dimValue", value: BigInt(size) },
    }));
    return { name, type: { value: { case: "tensorType", value: { elemType: FLOAT, shape: { dim } } } } };
  };
  const floats = (name, floatData, dims = []) => ({
    name,
    dataType: FLOAT,
    dims: dims.map(BigInt),
    floatData,
  });
  const node = (opType, input, output, more = {}) => ({
    name: output,
    opType,
    input,
    output: [output],
    ...more,
  });
  const number = (name, f) => ({ name, type: Type.FLOAT, f });
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 9n,
      opsetImport: [
        { domain: "", version: 18n },
        { domain: "samples", version: 1n },
      ],
      graph: {
        name: "ripples",
        input: [port("image", 3), port("places", 2)],
        output: [port("y", 3)],
        initializer: [
          floats("frequency", [frequency]),
          floats("height", [height]),
          floats("weights", [...weights], [3, 3, 3, 3]),
          { name: "repeats", dataType: INT64, dims: [4n], int64Data: [1n, 9n, 1n, 1n] },
        ],
        node: [
          node("Mul", ["places", "frequency"], "angles"),
          node("Sin", ["angles"], "waves"),
          node("Mul", ["waves", "height"], "moves"),
          node("Tile", ["moves", "repeats"], "offsets"),
          node("DeformConv", ["image", "weights", "offsets"], "blurred", {
            domain: "samples",
            attribute: [number("stride", 1), number("pad", 1)],
          }),
          node("Relu", ["blurred"], "y"),
        ],
      },
    }),
  );
}

/** What `tf.io.fromMemory` takes: a converted graph model. */
export function tfModel() {
  const f32 = { T: { type: "DT_FLOAT" } };
  const constants = {
    frequency: { dtype: "float32", shape: [], data: Float32Array.of(frequency) },
    height: { dtype: "float32", shape: [], data: Float32Array.of(height) },
    weights: { dtype: "float32", shape: [3, 3, 3, 3], data: weights },
    repeats: { dtype: "int32", shape: [4], data: Int32Array.of(1, 9, 1, 1) },
  };
  const types = { float32: "DT_FLOAT", int32: "DT_INT32" };
  const placeholder = (name) => ({ name, op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" } } });
  const node = (op, input, name, attr = f32) => ({ name, op, input, attr });
  const bytes = Object.values(constants).flatMap(({ data }) => [...new Uint8Array(data.buffer)]);
  return {
    format: "graph-model",
    modelTopology: {
      versions: { producer: 1 },
      node: [
        placeholder("image"),
        placeholder("places"),
        ...Object.entries(constants).map(([name, { dtype }]) => ({
          name,
          op: "Const",
          attr: { dtype: { type: types[dtype] } },
        })),
        node("Mul", ["places", "frequency"], "angles"),
        node("Sin", ["angles"], "waves"),
        node("Mul", ["waves", "height"], "moves"),
        node("Tile", ["moves", "repeats"], "offsets"),
        node("DeformConv", ["image", "weights", "offsets"], "blurred", { stride: { f: 1 }, pad: { f: 1 } }),
        node("Relu", ["blurred"], "y"),
      ],
    },
    weightSpecs: Object.entries(constants).map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    weightData: Uint8Array.from(bytes).buffer,
  };
}

// A host for compiled kernels that needs nothing but WebAssembly: what the page on the WASM ABI says, as code. It
// knows f32 and i32 tensors, which are typed arrays with a `shape`, and runs everything on one thread.

/** `load(manifest, bytes)` gives the file's kernels by instance name. */
export async function load(manifest, bytes) {
  const { kernels } = manifest.artifacts.find(({ target }) => target === "wasm");
  const threads = kernels.some(({ launch }) => launch.features.includes("threads"));
  const memory = new WebAssembly.Memory(
    threads ? { initial: 2, maximum: 65536, shared: true } : { initial: 2 },
  );
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return Object.fromEntries(
    kernels.map(({ signature, launch }) => {
      const run = instance.exports[signature.instance];
      return [signature.instance, (args) => call(signature, launch, run, memory, args)];
    }),
  );
}

const arrays = { f32: Float32Array, i32: Int32Array };

function call(signature, launch, run, memory, args) {
  const { params, dims, constraints, asserts } = signature;

  // Dimensions, then everything that is computed from them.
  const names = new Map();
  for (const { name, param, axis } of dims) names.set(name, args[params[param].name].shape[axis]);
  for (const { kind, name } of params) if (kind === "scalar") names.set(name, Number(args[name]));
  const value = (expr) => evaluate(expr, names);
  for (const { expr, text } of constraints) if (!value(expr)) throw new Error(`needs ${text}`);

  // Tensors, one behind the other, 64 KiB from the beginning and 16 bytes from the end.
  let top = 65536;
  const place = (size) => {
    const start = Math.ceil(top / 16) * 16;
    top = start + size;
    return start;
  };
  const tensors = params
    .filter(({ kind }) => kind === "tensor")
    .map((param) => {
      const shape = param.shape.map(value);
      const given = args[param.name];
      if (param.mode !== "out" && String(given.shape) !== String(shape))
        throw new Error(`${param.name} must have the shape ${shape}`);
      const length = shape.reduce((product, size) => product * size, 1);
      const strides = shape.map((_, axis) =>
        shape.slice(axis + 1).reduce((product, size) => product * size, 1),
      );
      return { ...param, shape, length, strides, given, start: place(4 * length) };
    });
  const scratch = [place(value(launch.workerScratch)), place(value(launch.callScratch))];
  const missing = top + 16 - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65536));

  const view = ({ dtype, start, length }) => new arrays[dtype](memory.buffer, start, length);
  for (const tensor of tensors) if (tensor.mode !== "out") view(tensor).set(tensor.given);

  const fixed = [
    ...tensors.map(({ start }) => start),
    ...dims.map(({ name }) => names.get(name)),
    ...tensors.flatMap(({ strides }) => strides),
    ...params.filter(({ kind }) => kind === "scalar").map(({ name }) => args[name]),
    ...scratch,
  ];
  launch.phases.forEach(({ extent, parallel }, phase) => {
    const status = run(...fixed, phase, 0, parallel ? value(extent) : 1);
    if (status !== 0) throw new Error(asserts[status - 1].message);
  });

  const written = tensors.filter(({ mode }) => mode !== "in");
  return Object.fromEntries(
    written.map((tensor) => [tensor.name, Object.assign(view(tensor).slice(), { shape: tensor.shape })]),
  );
}

const operators = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "//": (a, b) => Math.floor(a / b),
  "%": (a, b) => a - b * Math.floor(a / b),
  min: Math.min,
  max: Math.max,
  "<<": (a, b) => a * 2 ** b,
  ">>": (a, b) => Math.floor(a / 2 ** b),
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  "<=": (a, b) => Number(a <= b),
  ">": (a, b) => Number(a > b),
  ">=": (a, b) => Number(a >= b),
  and: (a, b) => a && b,
  or: (a, b) => a || b,
  not: (a) => Number(a === 0),
  select: (c, a, b) => (c ? a : b),
};

function evaluate(expr, names) {
  if (typeof expr === "number") return expr;
  if (typeof expr === "string") return names.get(expr);
  const [operator, ...operands] = expr;
  return operators[operator](...operands.map((operand) => evaluate(operand, names)));
}

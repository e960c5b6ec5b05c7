// Calls kernels that `kernc compile --target wgsl` wrote, with nothing but WebGPU: the ABI of spec/wgsl-abi.md in code. A
// tensor is `{ buffer, shape, strides?, offset? }` over a GPUBuffer (strides and offset count elements), or a typed array
// with a `shape`, which is copied into a buffer of its own. Results are of the first kind; `read` brings them back.

/** Makes the kernels of an artifact callable: `code` is the WGSL, `kernels` are those of the manifest's artifact. */
export async function loadKernels(device, code, kernels) {
  const modules = new Map();
  const moduleOf = async (text) => {
    if (modules.has(text)) return modules.get(text);
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: text });
    const refused = await device.popErrorScope();
    if (refused) throw new Error(refused.message);
    modules.set(text, module);
    return module;
  };
  await moduleOf(code);
  const calls = {};
  for (const kernel of kernels) {
    const call = callOf(device, code, moduleOf, kernel);
    calls[kernel.signature.instance] = call;
    calls[kernel.signature.name] ??= call;
  }
  return calls;
}

/** The elements of a contiguous tensor that lies in a buffer with the usage COPY_SRC. */
export async function read(device, { buffer, dtype, shape, offset = 0 }) {
  const { Class, bits } = formats[dtype];
  const count = product(shape);
  const start = Math.floor((offset * bits) / 32) * 4;
  const end = Math.min(Math.ceil(((offset + count) * bits) / 32) * 4, buffer.size);
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: Math.max(end - start, 4), usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, start, staging, 0, end - start);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = staging
    .getMappedRange()
    .slice((offset * bits) / 8 - start, Math.ceil(((offset + count) * bits) / 8) - start);
  staging.destroy();
  return new Class(bytes);
}

function callOf(device, code, moduleOf, { signature, launch }) {
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const { params, dims, constraints, asserts, name } = signature;
  const types = launch.bindings.map(({ access }) => (access === "read" ? "read-only-storage" : "storage"));
  if (launch.uniform.length > 0) types.push("uniform");
  const entries = types.map((type, binding) => ({
    binding,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type },
  }));
  const layout = device.createBindGroupLayout({ entries });
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  const pipelines = {};
  const compiled = async (wide, text) => {
    const module = await moduleOf(text);
    return (pipelines[`${wide} ${text}`] ??= Promise.all(
      launch.phases.map(({ entryPoint }, at) =>
        device.createComputePipelineAsync({
          layout: pipelineLayout,
          compute: { module, entryPoint: wide ? launch.wide.entryPoints[at] : entryPoint },
        }),
      ),
    ));
  };

  /** `encoder`: encode into it, and submit nothing. */
  return async (args, { encoder: given } = {}) => {
    const names = new Map(
      params.filter(({ kind }) => kind === "scalar").map((param) => [param.name, Number(args[param.name])]),
    );
    for (const dim of dims) names.set(dim.name, args[params[dim.param].name].shape[dim.axis]);
    const value = (expr) => evaluate(expr, names);
    for (const { expr, text } of constraints) if (!value(expr)) throw new Error(`${name} needs ${text}`);

    const temporary = [];
    const make = (size, usage, data) => {
      const buffer = device.createBuffer({ size, usage, mappedAtCreation: data !== undefined });
      if (data) {
        new Uint8Array(buffer.getMappedRange()).set(
          new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        );
        buffer.unmap();
      }
      return buffer;
    };
    const tensors = new Map();
    const buffers = launch.bindings.map(({ role, bytes }) => {
      if (role.of !== "param") {
        temporary.push(make(value(bytes), STORAGE | COPY_SRC));
        return temporary.at(-1);
      }
      const { name: argument, mode, dtype, shape: rule } = params[role.param];
      const shape = rule.map(value);
      const tensor = args[argument];
      if (tensor ? tensor.shape.join() !== shape.join() : mode !== "out")
        throw new Error(`${argument} must have the shape [${shape.join(", ")}]`);
      const buffer =
        tensor?.buffer instanceof GPUBuffer
          ? tensor.buffer
          : make(value(bytes), STORAGE | COPY_SRC | COPY_DST, tensor);
      if (tensor && tensor.buffer !== buffer && mode === "in") temporary.push(buffer);
      const { strides = rowMajor(shape), offset = 0 } = tensor?.buffer === buffer ? tensor : {};
      tensors.set(role.param, { buffer, dtype, shape, strides, offset });
      return buffer;
    });

    if (launch.uniform.length > 0) {
      const words = new DataView(new ArrayBuffer(4 * launch.uniform.length));
      launch.uniform.forEach(({ dtype, source: { of, param, axis } }, at) => {
        const { shape, strides, offset } = tensors.get(param) ?? {};
        const word = {
          dim: shape?.[axis],
          stride: strides?.[axis],
          offset,
          scalar: names.get(params[param].name),
        }[of];
        if (dtype === "f32") words.setFloat32(4 * at, word, true);
        else words.setUint32(4 * at, word, true);
      });
      temporary.push(make(words.byteLength, UNIFORM, words));
      buffers.push(temporary.at(-1));
    }

    const wide = launch.wide?.params.every((at) => liesInVectors(tensors.get(at))) ?? false;
    const phases = await compiled(wide, sized(code, launch.constants ?? [], value));
    const status = launch.bindings.findIndex(({ role }) => role.of === "status");
    if (given && status >= 0)
      throw new Error(`${name} checks at run time, so it submits its commands itself`);
    const encoder = given ?? device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout,
        entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
      }),
    );
    launch.phases.forEach(({ workgroupSize: [x, y, z], extent }, at) => {
      const groups = Math.ceil(value(extent) / (x * y * z));
      if (groups === 0) return;
      // A grid that is too long for one row is folded into as few as hold it.
      const rows = Math.ceil(groups / device.limits.maxComputeWorkgroupsPerDimension);
      pass.setPipeline(phases[at]);
      pass.dispatchWorkgroups(Math.ceil(groups / rows), rows);
    });
    pass.end();
    if (!given) {
      device.queue.submit([encoder.finish()]);
      if (status >= 0) {
        const [failed] = await read(device, { buffer: buffers[status], dtype: "u32", shape: [1] });
        if (failed) throw new Error(asserts[failed - 1].message);
      }
      for (const buffer of temporary) buffer.destroy();
    }
    const written = [...tensors].filter(([at]) => params[at].mode !== "in");
    return Object.fromEntries(written.map(([at, tensor]) => [params[at].name, tensor]));
  };
}

const formats = {
  bool: { Class: Uint8Array, bits: 8 },
  u8: { Class: Uint8Array, bits: 8 },
  i8: { Class: Int8Array, bits: 8 },
  u16: { Class: Uint16Array, bits: 16 },
  i16: { Class: Int16Array, bits: 16 },
  f16: { Class: Uint16Array, bits: 16 },
  bf16: { Class: Uint16Array, bits: 16 },
  u32: { Class: Uint32Array, bits: 32 },
  i32: { Class: Int32Array, bits: 32 },
  f32: { Class: Float32Array, bits: 32 },
  i4: { Class: Uint8Array, bits: 4 },
  u4: { Class: Uint8Array, bits: 4 },
  i2: { Class: Uint8Array, bits: 2 },
  u2: { Class: Uint8Array, bits: 2 },
};

/** The module's text with the sizes of arrays that a call's dimensions decide. */
const sized = (code, constants, value) =>
  constants.reduce((text, { name, default: before, value: rule, most = Infinity, array }) => {
    const cells = value(rule);
    if (cells > most) throw new Error(`${array} takes ${cells} places, and a shader holds ${most}`);
    return text.replace(`const ${name}: i32 = ${before};\n`, `const ${name}: i32 = ${cells};\n`);
  }, code);
const product = (shape) => shape.reduce((total, size) => total * size, 1);
/** Whether a tensor's elements can be taken four at a time. */
const liesInVectors = ({ shape, strides, offset }) =>
  shape.length > 0 &&
  !shape.includes(0) &&
  strides.at(-1) === 1 &&
  [shape.at(-1), offset, ...strides.slice(0, -1)].every((count) => count % 4 === 0);
const rowMajor = (shape) => shape.map((_, axis) => product(shape.slice(axis + 1)));

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

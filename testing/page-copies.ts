// Source of a page that is to count what moves between host and GPU, by its own WebGPU calls: put before anything that keeps them.

/** Fills `moved` with the name and the bytes of each such call. */
export const watchedCopies = `/** Calls that move elements of tensors, with their bytes. */
const moved = [];
const watch = (Class, name, bytes) => {
  const before = Class.prototype[name];
  Class.prototype[name] = function (...args) {
    moved.push([name, bytes(this, args)]);
    return before.apply(this, args);
  };
};
watch(GPUQueue, "writeBuffer", (_, [, , data, , size]) => size ?? data.byteLength);
watch(GPUCommandEncoder, "copyBufferToBuffer", (_, args) => args.at(-1));
watch(GPUBuffer, "mapAsync", (buffer) => buffer.size);
`;

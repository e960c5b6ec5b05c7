// Numbers of the WebGPU specification (W3C, §5.1, §5.3, §8.2) that pages have as globals and Node doesn't.

export const bufferUsage = {
  mapRead: 0x1,
  copySrc: 0x4,
  copyDst: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;

export const mapModeRead = 0x1;
export const computeStage = 0x4;

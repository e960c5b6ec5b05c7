// The delays of the machine, each constant beside its source. Absolute latencies of the real chip are unpublished:
// `groqchip-cal` holds what users of real chips wrote down (within 2 cycles), `ideal` sets every delay to 1, which is
// for teaching and for telling bandwidth from latency. Reports print the profile they were made with.

export interface Constant {
  readonly value: number;
  /** Where the figure comes from; "our choice" where nobody published one. */
  readonly source: string;
}

/** Names of the constants and what each one counts, all but `accumulatorRows` in cycles of tile 0. */
export const constantNames = {
  read: "from a read's issue to its beat on the stream beside the slice",
  write: "from a write's issue until the word may be read",
  gather: "what `gather` and `scatter` take for their addresses, before the read or write",
  hop: "between neighbouring stream registers",
  aluEntry: "from a stream at the VXM to the input of an ALU",
  alu: "through one ALU",
  transpose: "through a transposer (also rotate)",
  distribute: "through a distributor",
  permute: "through a permutor (also shift and select), all tiles included",
  outward: "from the SXM's stream register to the input of the MXM",
  inward: "from an MXM's output to the SXM's stream register",
  install: "from `iw` to the first cycle that may use the new weights",
  multiply: "from `abc` to the cycle whose `acc` takes the product",
  accumulate: "from `acc` to the sum at the MXM's output; also before the same row may be accumulated again",
  barrier: "from `notify` until parked queues go on",
  link: "from `send` on one chip to `receive` on its neighbour",
  tile: "by which an instruction reaches tile k + 1 after tile k",
  accumulatorRows: "rows of 320 sums that each plane's accumulators hold",
} as const;

export type ConstantName = keyof typeof constantNames;

export interface Profile {
  readonly name: string;
  readonly constants: Readonly<Record<ConstantName, Constant>>;
}

const users = "users of real chips, within 2 cycles";
const chosen = "our choice";

export const groqchipCal: Profile = {
  name: "groqchip-cal",
  constants: {
    read: { value: 1, source: users },
    write: {
      value: 2,
      source: "what is left of read + ALU + write in one slice, 12 + 2⌊slice/4⌋ (users of real chips)",
    },
    gather: { value: 1, source: users },
    hop: { value: 1, source: users },
    aluEntry: { value: 4, source: users },
    alu: { value: 3, source: users },
    transpose: { value: 4, source: users },
    distribute: { value: 2, source: users },
    permute: { value: 24, source: "our choice: the crossing of the SXM, 4, and 20 tiles" },
    outward: { value: 9, source: `${users}: crossing on the path to the MXM` },
    inward: {
      value: 4,
      source: `${users}: crossing of the SXM; with 11 hops and the ALU's entry it makes the 19 of "return to ALU"`,
    },
    install: { value: 3, source: users },
    multiply: { value: 13, source: users },
    accumulate: { value: 34, source: users },
    barrier: { value: 35, source: "widely known, not read again" },
    link: { value: 650, source: "our choice: 722 ns, the network's hop in ISCA 2022, at 900 MHz" },
    tile: { value: 1, source: '"Think Fast", ISCA 2020: instructions reach tile k at t + k' },
    accumulatorRows: { value: 1024, source: chosen },
  },
};

const teaching = "every delay is 1";

export const ideal: Profile = {
  name: "ideal",
  constants: {
    ...(Object.fromEntries(
      Object.keys(constantNames).map((name) => [name, { value: 1, source: teaching }]),
    ) as Record<ConstantName, Constant>),
    tile: { value: 0, source: "all tiles at once, or a beat could not cross them in one cycle" },
    accumulatorRows: groqchipCal.constants.accumulatorRows,
  },
};

export const profiles: readonly Profile[] = [groqchipCal, ideal];

/** The constants alone, as code that counts cycles wants them. */
export type Delays = Readonly<Record<ConstantName, number>>;

export function delaysOf(profile: Profile): Delays {
  return Object.fromEntries(
    Object.entries(profile.constants).map(([name, { value }]) => [name, value]),
  ) as Delays;
}

/** The profile with other values for some constants, under a name that says so. */
export function withConstants(profile: Profile, values: Partial<Delays>): Profile {
  const changed = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  const constants = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { value, source: "changed by hand" }]),
  );
  return {
    name: [profile.name, ...changed].join("+"),
    constants: { ...profile.constants, ...constants },
  };
}

/** 32 bits that differ between profiles (FNV-1a of names and values); the header of a binary holds them. */
export function profileHash({ constants }: Profile): number {
  let hash = 0x811c9dc5;
  for (const name of Object.keys(constantNames) as ConstantName[])
    for (const each of `${name}=${constants[name].value};`)
      hash = Math.imul(hash ^ each.charCodeAt(0), 0x01000193) >>> 0;
  return hash;
}

// Instructions that every queue understands, and those of the links between chips. Queues hold their whole program: the
// buffers that `ifetch` fills on the chip aren't modelled, so that it takes its slot and does nothing else.

import { kinds, one, row } from "./instruction.ts";

export const icuRows = {
  nop: row({ unit: "icu", doc: "passes `n` cycles", fields: { n: kinds.count }, text: "nop {n}" }),
  repeat: row({
    unit: "icu",
    doc: "issues the instruction before it `n` more times, `d` cycles apart, adding `step` each time to addresses, rows and blocks",
    fields: { n: kinds.count, d: kinds.period, step: kinds.step },
    text: "repeat {n},{d} step={step}",
  }),
  sync: row({
    unit: "icu",
    doc: "parks the queue until a `notify`",
    fields: {},
    text: "sync",
  }),
  notify: row({
    unit: "icu",
    doc: "lets parked queues go on, `barrier` cycles later",
    fields: {},
    text: "notify",
    delay: ({ barrier }) => barrier,
  }),
  ifetch: row({ unit: "icu", doc: "fills the queue's buffer", fields: {}, text: "ifetch" }),
  config: row({
    unit: "icu",
    doc: "sets the constant register of an ALU; in the other queues it has no effect",
    fields: { value: kinds.bits32 },
    text: "config {value}",
  }),
};

export const c2cRows = {
  deskew: row({
    unit: "c2c",
    doc: "aligns a link with its neighbour's clock; before the first use",
    fields: {},
    text: "deskew",
  }),
  send: row({
    unit: "c2c",
    doc: "sends the beat on `s` over the link",
    fields: { s: kinds.stream },
    text: "send {s}",
    taps: ({ s }) => [one(s)],
  }),
  receive: row({
    unit: "c2c",
    doc: "puts the beat that arrives over the link on `s`",
    fields: { s: kinds.stream },
    text: "receive {s}",
    gives: ({ s }) => [one(s)],
    delay: ({ read }) => read,
  }),
};

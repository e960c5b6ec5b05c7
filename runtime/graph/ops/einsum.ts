// Einsum: a product of tensors over labelled axes, summed over the labels that the result doesn't have. One nest of loops, written from the
// equation.

import type { Build, OpRow } from "./node.ts";

const einsum: Build = (node) => {
  const { b } = node;
  const operands = node.all();
  const dtype = node.sameDtype(...operands);
  const [left, right] = node.text("equation", "").replaceAll(" ", "").split("->") as [string, string?];
  const terms = left.split(",");
  if (terms.length !== operands.length)
    node.fail(`the equation has ${terms.length} terms for ${operands.length} inputs`);
  // `…` stands for axes without labels, which get capital ones, aligned at the last.
  const hidden = Math.max(
    0,
    ...terms.map((term, at) => (term.includes("...") ? operands[at]!.shape.length - (term.length - 3) : 0)),
  );
  const dots = (count: number) => Array.from({ length: count }, (_, n) => String(hidden - count + n));
  const labels = terms.map((term, at) => {
    if (!term.includes("...")) return term.split("");
    const [front, back] = term.split("...") as [string, string];
    return [...front, ...dots(operands[at]!.shape.length - front.length - back.length), ...back];
  });
  const sizes = new Map<string, number>();
  labels.forEach((list, at) => {
    if (list.length !== operands[at]!.shape.length) node.fail(`the term ${terms[at]} doesn’t fit its input`);
    list.forEach((label, axis) => {
      const size = operands[at]!.shape[axis]!;
      const known = sizes.get(label);
      if (known !== undefined && known !== size && known !== 1 && size !== 1)
        node.fail(`the label ${label} is ${known} and ${size}`);
      sizes.set(label, Math.max(known ?? 0, size));
    });
  });
  const all = labels.flat();
  const result =
    right === undefined
      ? [
          ...dots(hidden),
          ...[...new Set(all)]
            .filter((label) => /\D/.test(label) && all.filter((each) => each === label).length === 1)
            .toSorted(),
        ]
      : right.includes("...")
        ? [...right.split("...")[0]!, ...dots(hidden), ...right.split("...")[1]!]
        : right.split("");
  const name = (label: string) =>
    /\d/.test(label) ? `h${label}` : `l${label === label.toLowerCase() ? label : `${label.toLowerCase()}_`}`;
  const dim = (label: string) => name(label).toUpperCase();
  const summed = [...sizes.keys()].filter((label) => !result.includes(label));
  const reads = labels.map((list, at) => {
    const places = list.map((label, axis) =>
      operands[at]!.shape[axis] === 1 && sizes.get(label) !== 1 ? "0" : name(label),
    );
    return `x${at}[${places.length === 0 ? "0" : places.join(", ")}]`;
  });
  const product = reads.join(" * ");
  const over = summed.map((label) => `for ${name(label)} in range(${dim(label)})`).join(" ");
  const value = summed.length > 0 ? `sum(${product} ${over})` : product;
  const target = `y[${result.length === 0 ? "0" : result.map(name).join(", ")}] = ${value}`;
  const [y] = b.kernel(
    {
      name: "einsum",
      inputs: labels.map((list, at) => ({
        name: `x${at}`,
        dims: list.map((label, axis) =>
          operands[at]!.shape[axis] === 1 && sizes.get(label) !== 1 ? 1 : dim(label),
        ),
      })),
      outputs: [{ name: "y", dims: result.map(dim) }],
      scalars: [],
      body:
        result.length === 0
          ? [target]
          : [
              "@parallel",
              `for ${result.map(name).join(", ")} in ${result.length === 1 ? "range" : "grid"}(${result.map(dim).join(", ")}):`,
              `    ${target}`,
            ],
    },
    operands,
    [{ dtype, shape: result.map((label) => sizes.get(label)!) }],
  );
  return y!;
};

export const einsums: readonly OpRow[] = [{ op: "Einsum", since: 12, build: einsum }];

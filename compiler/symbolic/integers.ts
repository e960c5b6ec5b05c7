// Exact integer arithmetic on JavaScript numbers. Everything symbolic stays within the safe integers; a result
// that doesn't is `TooLarge`, never a rounded number.

/** Thrown where an exact result would leave the safe integers; whoever reasons about it answers "unknown". */
export class TooLarge extends Error {
  constructor() {
    super("an integer is too large for exact symbolic arithmetic");
  }
}

/** What `work` gives, or `otherwise` where its numbers are too large. */
export function attempt<T>(work: () => T, otherwise: T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TooLarge) return otherwise;
    throw error;
  }
}

/** `value`, if it is exact. */
export function safe(value: number): number {
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) throw new TooLarge();
  // -0 must not become a key of its own.
  return value === 0 ? 0 : value;
}

export function floorDiv(a: number, b: number): number {
  if (Math.abs(a) < 2 ** 50) {
    // Both are exact and the quotient has room to spare, so the double nearest a / b never crosses an integer.
    const quotient = Math.floor(a / b);
    return quotient === 0 ? 0 : quotient;
  }
  return Number((BigInt(a) - modBig(BigInt(a), BigInt(b))) / BigInt(b));
}

function modBig(a: bigint, b: bigint): bigint {
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

export function floorMod(a: number, b: number): number {
  return safe(a - b * floorDiv(a, b));
}

/** The greatest common divisor, positive; gcd(0, 0) is 0. */
export function gcd(a: number, b: number): number {
  let x = Math.abs(a);
  let y = Math.abs(b);
  while (y !== 0) {
    const rest = x % y;
    x = y;
    y = rest;
  }
  return x;
}
export function gcdAll(values: Iterable<number>): number {
  let found = 0;
  for (const value of values) {
    found = gcd(found, value);
    if (found === 1) return 1;
  }
  return found;
}

// Numbers and strings as written. Written as loops, not as regular expressions, where a token may be as long
// as the file: a backtracking matcher could run out of stack.

/** Chevrotain's custom pattern for strings; `payload` is the missing quote of an unterminated one. */
export function matchString(text: string, offset: number): ([string] & { payload?: string }) | null {
  const quote = text[offset];
  if (quote !== '"' && quote !== "'") return null;
  const triple = text.startsWith(quote.repeat(3), offset);
  const close = triple ? quote.repeat(3) : quote;
  let at = offset + close.length;
  while (at < text.length) {
    const char = text[at];
    if (char === "\\") {
      // An escaped line end continues the string; one escaped CRLF is two characters.
      at += text.startsWith("\r\n", at + 1) ? 3 : 2;
      continue;
    }
    if (char === quote && text.startsWith(close, at)) return [text.slice(offset, at + close.length)];
    if (!triple && (char === "\n" || char === "\r")) break;
    at++;
  }
  const found: [string] & { payload?: string } = [text.slice(offset, Math.min(at, text.length))];
  found.payload = close;
  return found;
}

/** Length of the quotes around a string token: 3 or 1. */
export function quoteLength(image: string): number {
  return image.startsWith('"""') || image.startsWith("'''") ? 3 : 1;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["n", "\n"], ["t", "\t"], ["r", "\r"], ["0", "\0"], ["\\", "\\"], ["'", "'"], ['"', '"'],
  ["\n", ""], ["\r", ""], ["\r\n", ""],
]); // prettier-ignore

/**
 * The value of a string between its quotes. Line ends become `\n`, whatever the file uses.
 * `unknown` is told the offset (in `body`) and text of each escape that isn't one.
 */
export function stringValue(body: string, unknown: (offset: number, escape: string) => void): string {
  if (!body.includes("\\")) return body.replaceAll("\r\n", "\n");
  const pattern = /\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|\r\n|[^])|\r\n/g;
  return body.replace(pattern, (escape: string, offset: number) => {
    if (escape === "\r\n") return "\n";
    const name = escape.slice(1);
    const known = escapes.get(name);
    if (known !== undefined) return known;
    if (name.length > 1) {
      const code = Number.parseInt(name.replace(/^[xu]\{?/, ""), 16);
      if (code <= 0x10ffff) return String.fromCodePoint(code);
    }
    unknown(offset, escape);
    return escape;
  });
}

const integer = /^(?:[0-9](?:_?[0-9])*|0[xX](?:_?[0-9A-Fa-f])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+)$/;
const decimal =
  /^(?:[0-9](?:_?[0-9])*\.?(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?$/;

/** Why `text` isn't a number, or undefined if it is one. */
export function numberFault(text: string): string | undefined {
  if (integer.test(text)) {
    return /^0[0-9_]*[1-9]/.test(text) ? "a whole number has no leading zeros" : undefined;
  }
  if (decimal.test(text)) return undefined;
  if (/^0[xX]/.test(text)) return "hexadecimal digits are 0–9 and a–f";
  if (/^0[bB]/.test(text)) return "binary digits are 0 and 1";
  if (/^0[oO]/.test(text)) return "octal digits are 0–7";
  if (/^[0-9._]*_(?:[._]|$)|\._/.test(text)) return "`_` stands between two digits";
  const suffix = /[A-Za-z_][0-9A-Za-z_]*$/.exec(text)?.[0] ?? "";
  return /^[eE]$/.test(suffix) ? "the exponent is missing" : `numbers have no suffix such as \`${suffix}\``;
}

/** True for a decimal point or an exponent. */
export function isDecimal(text: string): boolean {
  return !/^0[xXbBoO]/.test(text) && /[.eE]/.test(text);
}

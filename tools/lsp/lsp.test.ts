// The language server as an editor meets it: requests over a connection, answers checked by what a person would see.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as documents from "vscode-languageserver-textdocument";
import * as protocol from "vscode-languageserver/node";
import { serve } from "./server.ts";

const source = `"""Numbers made smaller."""

from std.math import exp, tanh as th
from .parts import halved

comptime STEP = 0.5

struct Pair:
    low: f32
    high: f32

def squashed[T: Float](x: T) -> T:
    """Between -1 and 1."""
    let inner = th(x)
    return inner

@op("kern::squash")
kernel squash(x: Tensor[f32, M, N], out y: Tensor[f32, M, N]):
    """Every element by itself."""
    @parallel
    @tile(j=8)
    for i, j in grid(M, N):
        let value = squashed(x[i, j]) + halved(STEP)
        var total = value
        total += exp(value)
        y[i, j] = total

test "zero":
    let y = squash(zeros[f32](1, 3))
    assert y[0, 0] == 1.25
`;
const parts = `def halved(x: f32) -> f32:
    """Half of it."""
    return x / 2
`;

let folder: string;
let client: protocol.MessageConnection;
const problems = new Map<string, protocol.Diagnostic[]>();
const heard = new Set<() => void>();
const uriOf = (name: string): string => pathToFileURL(join(folder, name)).href;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "kern-lsp-"));
  writeFileSync(join(folder, "squash.kern"), source);
  writeFileSync(join(folder, "parts.kern"), parts);
  const [there, back] = [new PassThrough(), new PassThrough()];
  const server = protocol.createConnection(
    protocol.ProposedFeatures.all,
    new protocol.StreamMessageReader(there),
    new protocol.StreamMessageWriter(back),
  );
  serve(server, { protocol, documents });
  client = protocol.createMessageConnection(
    new protocol.StreamMessageReader(back),
    new protocol.StreamMessageWriter(there),
  );
  client.onNotification("textDocument/publishDiagnostics", ({ uri, diagnostics }) => {
    problems.set(uri, diagnostics);
    heard.forEach((each) => each());
  });
  client.listen();
  const workspaceFolders = [{ uri: pathToFileURL(folder).href, name: "test" }];
  await client.sendRequest("initialize", {
    processId: null,
    rootUri: null,
    capabilities: {},
    workspaceFolders,
  });
  await client.sendNotification("initialized", {});
  await open("squash.kern", source);
});
afterAll(() => {
  client.dispose();
  rmSync(folder, { recursive: true });
});

/** Opens a document, or replaces its text, and gives what is wrong with it. */
async function open(name: string, text: string): Promise<readonly protocol.Diagnostic[]> {
  const uri = uriOf(name);
  const known = problems.has(uri);
  problems.delete(uri);
  const told = new Promise<void>((resolve) => {
    const each = (): void => {
      if (!problems.has(uri)) return;
      heard.delete(each);
      resolve();
    };
    heard.add(each);
  });
  const document = { uri, languageId: "kern", version: Date.now(), text };
  await (known
    ? client.sendNotification("textDocument/didChange", {
        textDocument: document,
        contentChanges: [{ text }],
      })
    : client.sendNotification("textDocument/didOpen", { textDocument: document }));
  await told;
  return problems.get(uri)!;
}

/** Line and column of a `|` in a piece of a text. */
function place(name: string, text: string, piece: string): protocol.TextDocumentPositionParams {
  const start = text.indexOf(piece.replace("|", ""));
  if (start < 0) throw new Error(`no ${piece}`);
  const before = text.slice(0, start + piece.indexOf("|")).split("\n");
  return {
    textDocument: { uri: uriOf(name) },
    position: { line: before.length - 1, character: before.at(-1)!.length },
  };
}

async function hover(piece: string): Promise<string> {
  const found = await client.sendRequest<protocol.Hover | null>(
    "textDocument/hover",
    place("squash.kern", source, piece),
  );
  return (found?.contents as protocol.MarkupContent | undefined)?.value ?? "nothing";
}

async function completions(text: string, piece: string): Promise<protocol.CompletionItem[]> {
  await open("typing.kern", text);
  return client.sendRequest("textDocument/completion", place("typing.kern", text, piece));
}

test("a file without mistakes has none, and mistakes come with their counterexample", async () => {
  expect(problems.get(uriOf("squash.kern"))).toEqual([]);
  const [found, ...others] = await open(
    "scan.kern",
    "kernel scan(mut x: Tensor[f32, N]):\n    @parallel\n    for i in range(1, N):\n        x[i] = x[i - 1] + x[i]\n",
  );
  expect(others).toEqual([]);
  expect(found).toMatchObject({ code: "K0520", severity: 1, range: { start: { line: 2 } } });
  expect(found!.message).toContain("counterexample: with N = 3");
  expect(found!.relatedInformation!.length).toBeGreaterThan(0);
});

test("hover tells declarations, types and what is said about them", async () => {
  expect(await hover("squas|hed(x[i")).toBe(
    "```kern\ndef squashed[T: Float](x: T) -> T\n```\n\nBetween -1 and 1.",
  );
  expect(await hover("value = |squashed")).toContain("def squashed");
  expect(await hover("total += exp(va|lue)")).toBe("```kern\nlet value: f32\n```");
  expect(await hover("let inn|er")).toContain("inner: f32, f16, bf16 or f64");
  expect(await hover("y[i, j] = to|tal")).toBe("```kern\nvar total: f32\n```");
  expect(await hover("+= e|xp(")).toContain("def exp[T: Float](x: T) -> T");
  expect(await hover("inner = t|h(x)")).toContain("def tanh[T: Float](x: T) -> T");
  expect(await hover("hal|ved(STEP)")).toContain("Half of it.");
  expect(await hover("halved(ST|EP)")).toContain("comptime STEP = 0.5");
  expect(await hover("@til|e")).toContain("Strip-mines loops");
  expect(await hover("in gr|id(")).toContain("A nest of loops");
  expect(await hover("T: Flo|at")).toContain("bf16");
  expect(await hover("low: f3|2")).toContain("32 bits");
  expect(await hover("@tile(|j=8)")).toContain("for j in grid(M, N)");
  expect(await hover("@|parallel")).toContain("Iterations are shared");
  expect(await hover("assert| y")).toBe("nothing");
});

test("definitions lie where they are, in other files and in the library", async () => {
  const at = async (piece: string) => {
    const found = await client.sendRequest<protocol.Location | null>(
      "textDocument/definition",
      place("squash.kern", source, piece),
    );
    return found && `${found.uri.split("/").slice(-2).join("/")}:${found.range.start.line + 1}`;
  };
  expect(await at("value = squash|ed")).toMatch(/squash\.kern:12$/);
  expect(await at("hal|ved(STEP)")).toMatch(/parts\.kern:1$/);
  expect(await at("from .parts import hal|ved")).toMatch(/parts\.kern:1$/);
  expect(await at("+= e|xp(")).toMatch(/^std\/math\.kern:\d+$/);
  expect(await at("grid(M|, N)")).toMatch(/squash\.kern:18$/);
});

test("uses are found and renamed, in other files too, but not in the library", async () => {
  const lines = ({ changes }: protocol.WorkspaceEdit) =>
    Object.fromEntries(
      Object.entries(changes!).map(([uri, edits]) => [
        uri.split("/").at(-1),
        edits.map(({ range }) => range.start.line + 1),
      ]),
    );
  const rename = (piece: string, newName: string) =>
    client.sendRequest<protocol.WorkspaceEdit>("textDocument/rename", {
      ...place("squash.kern", source, piece),
      newName,
    });
  expect(lines(await rename("let val|ue", "given"))).toEqual({ "squash.kern": [23, 24, 25] });
  expect(lines(await rename("hal|ved(STEP)", "half"))).toEqual({ "squash.kern": [4, 23], "parts.kern": [1] });
  expect(lines(await rename("inner = t|h(x)", "curve"))).toEqual({ "squash.kern": [3, 14] });
  await expect(rename("let val|ue", "for")).rejects.toThrow("`for` is a word of the language");
  await expect(rename("+= e|xp(", "power")).rejects.toThrow("the library declares this name");
  const highlights = await client.sendRequest<protocol.DocumentHighlight[]>(
    "textDocument/documentHighlight",
    place("squash.kern", source, "for |i, j"),
  );
  expect(highlights.map(({ range }) => range.start.line + 1)).toEqual([22, 23, 26]);
  const references = await client.sendRequest<protocol.Location[]>("textDocument/references", {
    ...place("squash.kern", source, "var to|tal"),
    context: { includeDeclaration: false },
  });
  expect(references.map(({ range }) => range.start.line + 1)).toEqual([25, 26]);
});

test("completion knows names, annotations, members, modules, and imports what it offers", async () => {
  const labels = async (text: string, piece: string) =>
    (await completions(text, piece)).map(({ label }) => label);
  const body =
    "kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    for i in range(N):\n        let a = x[i]\n";
  const names = await labels(`${body}        y[i] = \n`, "y[i] = |");
  expect(names).toEqual(expect.arrayContaining(["a", "i", "x", "y", "N", "k", "clamp", "let", "f32", "exp"]));
  expect(await labels(`${body}    y[0] = \n`, "y[0] = |")).not.toContain("a");
  expect(await labels(`${body}        @\n`, "        @|")).toEqual(
    expect.arrayContaining(["tile", "wasm", "op"]),
  );
  expect(await labels(`${body}        y[i] = x.\n`, "= x.|")).toEqual(["shape", "get", "load", "store"]);
  expect(await labels(`${body}        y[i] = f32.\n`, "f32.|")).toContain("epsilon");
  expect(await labels(`from std.\n${body}`, "std.|")).toEqual(expect.arrayContaining(["math", "linalg"]));
  expect(await labels(`from std.math import \n${body}`, "import |")).toEqual(
    expect.arrayContaining(["exp", "rsqrt"]),
  );
  expect(await labels(`${body}        # so \n`, "# so |")).toEqual([]);
  const found = await completions(`from std.math import tanh\n\n${body}        y[i] = ex\n`, "= ex|");
  const exp = found.find(({ label }) => label === "exp")!;
  expect(exp.labelDetails!.description).toBe("std.math");
  expect(exp.additionalTextEdits).toEqual([
    { range: { start: { line: 0, character: 25 }, end: { line: 0, character: 25 } }, newText: ", exp" },
  ]);
});

test("calls show their parameters", async () => {
  const text =
    "def mix(a: f32, b: f32) -> f32:\n    return a + b\n\ndef f(x: f32) -> f32:\n    return mix(x, \n";
  await open("typing.kern", text);
  const ask = (piece: string) =>
    client.sendRequest<protocol.SignatureHelp | null>(
      "textDocument/signatureHelp",
      place("typing.kern", text, piece),
    );
  const found = await ask("mix(x, |");
  expect(found).toMatchObject({ activeParameter: 1 });
  expect(found!.signatures.map(({ label }) => label)).toEqual(["def mix(a: f32, b: f32) -> f32"]);
  expect(await ask("retu|rn a")).toBeNull();
});

test("mistakes can be mended at a stroke", async () => {
  const text =
    "kernel k(x: Tensor[f32, N], out y: Tensor[f32, N]):\n    for i in range(N):\n        y[i] = exp(x[i])\n";
  await open("typing.kern", text);
  const { textDocument, position } = place("typing.kern", text, "e|xp(");
  const actions = await client.sendRequest<protocol.CodeAction[]>("textDocument/codeAction", {
    textDocument,
    range: { start: position, end: position },
    context: { diagnostics: [] },
  });
  expect(actions.map(({ title }) => title)).toContain("from std.math import exp");
  const [edit] = Object.values(actions[0]!.edit!.changes!)[0]!;
  const mended = documents.TextDocument.applyEdits(documents.TextDocument.create("", "", 0, text), [edit!]);
  expect(await open("typing.kern", mended)).toEqual([]);
});

test("outline, types that aren't written, colours, formatting", async () => {
  const textDocument = { uri: uriOf("squash.kern") };
  const symbols = await client.sendRequest<protocol.DocumentSymbol[]>("textDocument/documentSymbol", {
    textDocument,
  });
  expect(symbols.map(({ name }) => name)).toEqual(["STEP", "Pair", "squashed", "squash", 'test "zero"']);
  const range = { start: { line: 0, character: 0 }, end: { line: 99, character: 0 } };
  const hints = await client.sendRequest<protocol.InlayHint[]>("textDocument/inlayHint", {
    textDocument,
    range,
  });
  expect(hints.map(({ label }) => label)).toEqual([": f32", ": f32", ": Tensor[f32, 1, 3]"]);
  const { data } = await client.sendRequest<protocol.SemanticTokens>("textDocument/semanticTokens/full", {
    textDocument,
  });
  expect(data.length % 5).toBe(0);
  expect(data.length).toBeGreaterThan(300);
  const text = "kernel  k( out y:Tensor[f32,N] ) :\n  for i in range( N ):\n     y[i]=1\n";
  await open("typing.kern", text);
  const [edit] = await client.sendRequest<protocol.TextEdit[]>("textDocument/formatting", {
    textDocument: { uri: uriOf("typing.kern") },
    options: { tabSize: 4, insertSpaces: true },
  });
  expect(edit!.newText).toBe("kernel k(out y: Tensor[f32, N]):\n    for i in range(N):\n        y[i] = 1\n");
});

test("no text of a file, however broken, stops the server", async () => {
  const pieces = [0, 37, 90, 150, 222, 300, 371, 444, 520];
  for (const end of pieces) {
    const text = source.slice(0, end);
    await open("typing.kern", text);
    const before = text.split("\n");
    const position = { line: before.length - 1, character: before.at(-1)!.length };
    const params = { textDocument: { uri: uriOf("typing.kern") }, position };
    for (const request of ["hover", "completion", "signatureHelp", "definition", "documentHighlight"])
      await client.sendRequest(`textDocument/${request}`, params);
  }
  expect(await hover("y[i, j] = to|tal")).toContain("total: f32");
});

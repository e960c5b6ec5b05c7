// `kernc lsp`: the language server, which an editor starts and speaks to over this process's input and output.

import type { Command } from "./command.ts";

export const lsp: Command = {
  name: "lsp",
  usage: "[--stdio]",
  summary: "Serves an editor over the Language Server Protocol 3.18, on standard input and output.",
  details: [
    "Mistakes with their proofs and counterexamples while you type, and their fixes; completion with imports, signatures, types, hover,",
    "definitions, uses, renaming, outline, colours and formatting. Point your editor’s client at `npx kernc lsp --stdio` for files named *.kern.",
  ],
  options: {
    stdio: { kind: "flag", help: "Standard input and output: what it uses anyhow; editors say so" },
    clientProcessId: { kind: "value", value: "PID", help: "End when this process does" },
  },
  async run(_given, terminal) {
    if (process.stdin.isTTY) terminal.err("Waiting for an editor on standard input; Ctrl-C ends it.\n");
    const [protocol, documents, { serve }] = await Promise.all([
      import("vscode-languageserver/node"),
      import("vscode-languageserver-textdocument"),
      import("../lsp/server.ts"),
    ]);
    const connection = protocol.createConnection(
      protocol.ProposedFeatures.all,
      process.stdin,
      process.stdout,
    );
    serve(connection, { protocol, documents });
    // The connection ends the process: as the editor asks, or when its input ends.
    return new Promise<number>(() => {});
  },
};

// The language server: requests of an editor to what the files beside this one know, and back. What goes wrong in an answer is
// written to the editor's log, and the editor gets none; the server goes on.

import type * as Documents from "vscode-languageserver-textdocument";
import type * as Protocol from "vscode-languageserver/node";
import type { Connection, TextDocumentPositionParams } from "vscode-languageserver/node";
import type { Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import { parse } from "../../lang/syntax/index.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import { version } from "../kernc/version.ts";
import type { Analysis } from "./analysis.ts";
import { coloursOf } from "./colours.ts";
import { completionsAt } from "./completion.ts";
import { hintsIn } from "./hints.ts";
import { hoverAt } from "./hover.ts";
import { importsFor } from "./library.ts";
import {
  definitionAt,
  highlightsAt,
  nameFault,
  referenceLocations,
  renamable,
  renameEdit,
} from "./navigation.ts";
import { symbolsOf } from "./outline.ts";
import { offsetOf, positionOf } from "./places.ts";
import { problemOf, repairOf } from "./problems.ts";
import { tokenModifiers, tokenTypes } from "./protocol.ts";
import { signatureAt } from "./signatures.ts";
import { pathOf, Workspace } from "./workspace.ts";

/** Milliseconds without typing until a file is proved. */
const pause = 150;

/** The libraries that a server speaks with; loaded by who starts one. */
export interface Libraries {
  readonly protocol: typeof Protocol;
  readonly documents: typeof Documents;
}

/** Answers the requests that come over a connection, until it ends. */
export function serve(connection: Connection, { protocol, documents }: Libraries): void {
  const workspace = new Workspace();
  const texts = new protocol.TextDocuments(documents.TextDocument);
  const waiting = new Map<string, NodeJS.Timeout>();
  const uriOf = (file: Analysis["file"]): string => workspace.uriOf(file);

  connection.onInitialize(({ workspaceFolders, rootUri }) => {
    const roots = workspaceFolders?.map(({ uri }) => uri) ?? (rootUri ? [rootUri] : []);
    workspace.folders = roots.filter((uri) => uri.startsWith("file:")).map(pathOf);
    return {
      serverInfo: { name: "kernc", version },
      capabilities: {
        textDocumentSync: protocol.TextDocumentSyncKind.Incremental,
        hoverProvider: true,
        definitionProvider: true,
        referencesProvider: true,
        documentHighlightProvider: true,
        renameProvider: { prepareProvider: true },
        documentSymbolProvider: true,
        documentFormattingProvider: true,
        codeActionProvider: { codeActionKinds: [protocol.CodeActionKind.QuickFix] },
        completionProvider: { triggerCharacters: ["@", "."] },
        signatureHelpProvider: { triggerCharacters: ["(", ","] },
        inlayHintProvider: true,
        semanticTokensProvider: {
          legend: { tokenTypes: [...tokenTypes], tokenModifiers: [...tokenModifiers] },
          full: true,
        },
      },
    };
  });

  /** What `find` makes of an open document; nothing, and a line in the log, where it fails. */
  function answer<T>(uri: string, find: (analysis: Analysis) => T): T | null {
    try {
      const analysis = workspace.analysis(uri);
      return analysis ? find(analysis) : null;
    } catch (error) {
      connection.console.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
      return null;
    }
  }
  const at = <T>(
    { textDocument: { uri }, position }: TextDocumentPositionParams,
    find: (analysis: Analysis, offset: number) => T | undefined,
  ): T | null => answer(uri, (analysis) => find(analysis, offsetOf(analysis.file, position)) ?? null);

  function prove(uri: string): void {
    clearTimeout(waiting.get(uri));
    waiting.set(
      uri,
      setTimeout(() => {
        const problems = answer(uri, (analysis) =>
          analysis.mistakes().map((found) => problemOf(found, analysis.file, uriOf)),
        );
        if (problems) void connection.sendDiagnostics({ uri, diagnostics: problems });
      }, pause),
    );
  }
  /** A change here can be a mistake there. */
  const proveAll = (): void => texts.keys().forEach(prove);

  texts.onDidChangeContent(({ document }) => {
    workspace.set(document.uri, document.getText());
    proveAll();
  });
  texts.onDidClose(({ document: { uri } }) => {
    workspace.close(uri);
    clearTimeout(waiting.get(uri));
    void connection.sendDiagnostics({ uri, diagnostics: [] });
    proveAll();
  });
  connection.onDidChangeWatchedFiles(() => {
    workspace.forget();
    proveAll();
  });

  connection.onHover((given) => at(given, hoverAt));
  connection.onDefinition((given) => at(given, (analysis, offset) => definitionAt(analysis, offset, uriOf)));
  connection.onDocumentHighlight((given) => at(given, highlightsAt));
  connection.onReferences((given) =>
    at(given, (analysis, offset) =>
      referenceLocations(analysis, offset, workspace.everything(), {
        uriOf,
        withDeclaration: given.context.includeDeclaration,
      }),
    ),
  );
  connection.onSignatureHelp((given) => at(given, signatureAt));
  connection.onCompletion((given) =>
    at(given, (analysis, offset) => completionsAt(analysis, offset, workspace.host(given.textDocument.uri))),
  );
  connection.onPrepareRename((given) =>
    at(given, (analysis, offset) => {
      const range = renamable(analysis, offset, (file) => workspace.isOwn(file));
      return typeof range === "string" ? undefined : range;
    }),
  );
  connection.onRenameRequest((given) => {
    const fault = nameFault(given.newName);
    if (fault !== undefined) throw new protocol.ResponseError(protocol.ErrorCodes.InvalidParams, fault);
    const analysis = workspace.analysis(given.textDocument.uri);
    if (!analysis) return null;
    const offset = offsetOf(analysis.file, given.position);
    const range = renamable(analysis, offset, (file) => workspace.isOwn(file));
    if (typeof range === "string") throw new protocol.ResponseError(protocol.ErrorCodes.InvalidParams, range);
    return renameEdit(analysis, offset, { name: given.newName, others: workspace.everything(), uriOf });
  });
  connection.onDocumentSymbol(({ textDocument: { uri } }) => answer(uri, ({ ast }) => symbolsOf(ast)));
  connection.languages.inlayHint.on(({ textDocument: { uri }, range }) =>
    answer(uri, (analysis) =>
      hintsIn(analysis, offsetOf(analysis.file, range.start), offsetOf(analysis.file, range.end)),
    ),
  );
  connection.languages.semanticTokens.on(
    ({ textDocument: { uri } }) => answer(uri, coloursOf) ?? { data: [] },
  );
  connection.onCodeAction(({ textDocument: { uri }, range }) =>
    answer(uri, (analysis) => {
      const [start, end] = [offsetOf(analysis.file, range.start), offsetOf(analysis.file, range.end)];
      const here = ({ span }: Diagnostic): boolean =>
        span?.file === analysis.file && span.start <= end && span.end >= start;
      return analysis
        .mistakes()
        .filter(here)
        .flatMap((found) => {
          const repair = repairOf(found, analysis.file, uriOf);
          return [
            ...(repair ? [repair] : []),
            ...importsFor(found, analysis.ast, uri, problemOf(found, analysis.file, uriOf)),
          ];
        });
    }),
  );
  connection.onDocumentFormatting(async ({ textDocument: { uri } }) => {
    const file = workspace.analysis(uri)?.file;
    if (!file) return null;
    // A formatter must not guess: what doesn't parse stays as it is, and is underlined anyhow.
    const sink = new DiagnosticSink();
    parse(file, sink);
    if (sink.hasErrors) return null;
    const { formatKern } = await import("../../lang/format/index.ts");
    const newText = await formatKern(file.text, file.path);
    if (newText === file.text) return [];
    return [{ range: { start: positionOf(file, 0), end: positionOf(file, file.text.length) }, newText }];
  });

  texts.listen(connection);
  connection.listen();
}

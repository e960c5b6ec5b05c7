// What both panels have: a heading, a line that says how the last run went, and the kernel's source to look at.

export interface PanelText {
  readonly title: string;
  readonly text: string;
  readonly file: string;
  readonly source: string;
}

/** Fills a section. Gives the place for its contents, and a function that sets the line below. */
export function panel(
  root: HTMLElement,
  { title, text, file, source }: PanelText,
): { body: HTMLElement; note: (text: string) => void } {
  root.innerHTML = `
    <h2 id="${root.id}-title"></h2>
    <p></p>
    <div class="body"></div>
    <p class="note" role="status"></p>
    <details><summary></summary><pre><code></code></pre></details>`;
  root.querySelector("h2")!.textContent = title;
  root.querySelector("p")!.textContent = text;
  root.querySelector("summary")!.textContent = file;
  root.querySelector("code")!.textContent = source;
  const note = root.querySelector(".note")!;
  return {
    body: root.querySelector<HTMLElement>(".body")!,
    note: (text) => void (note.textContent = text),
  };
}

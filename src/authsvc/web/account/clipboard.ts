/**
 * Copies a text that is still to come. The browser is told at once that something will be copied: some allow it only
 * directly after a click.
 */
export async function copy(text: Promise<string>): Promise<void> {
  await Promise.all([text, written(text)]);
}

async function written(text: Promise<string>): Promise<void> {
  const blob = text.then((words) => new Blob([words], { type: "text/plain" }));
  await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
}

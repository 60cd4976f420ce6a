// Draws bytes with xterm.js and tells what is to be seen.
//
// Standard input: one JSON object per line, {cols, rows, bytes (base64)}. Standard output: for each
// one line, {rows, styles, above, cursor, alternate, title}: the rows' text, how their cells look,
// the text of the lines above, and where the cursor is.
import { createInterface } from "node:readline";
import headless from "@xterm/headless";
import unicode11 from "@xterm/addon-unicode11";

const { Terminal } = headless;
const { Unicode11Addon } = unicode11;

function draw({ cols, rows, bytes }) {
  const terminal = new Terminal({ cols, rows, scrollback: 5000, allowProposedApi: true });
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = "11";
  let title = "";
  terminal.onTitleChange((text) => {
    title = text;
  });
  return new Promise((resolve) => {
    terminal.write(Buffer.from(bytes, "base64"), () => {
      resolve(seen(terminal, title));
      terminal.dispose();
    });
  });
}

function seen(terminal, title) {
  const buffer = terminal.buffer.active;
  const text = (index) => buffer.getLine(index).translateToString(true).trimEnd();
  const lines = [...Array(terminal.rows).keys()].map((row) => buffer.baseY + row);
  return {
    rows: lines.map(text),
    styles: lines.map((index) => styles(buffer.getLine(index))),
    above: [...Array(buffer.baseY).keys()].map(text),
    cursor: [buffer.cursorY, buffer.cursorX],
    alternate: buffer.type === "alternate",
    title,
  };
}

/** How each cell looks, a stretch of equal ones as one. */
function styles(line) {
  const out = [];
  let last = "";
  for (let x = 0; x < line.length; x++) {
    const cell = line.getCell(x);
    if (cell.getWidth() === 0) {
      continue;
    }
    // The colour of a blank is only seen where it is underlined or inverted.
    const inked = cell.getChars().trim() !== "" || cell.isUnderline() || cell.isInverse();
    const style = [
      inked ? `${cell.getFgColorMode()}/${cell.getFgColor()}` : "",
      `${cell.getBgColorMode()}/${cell.getBgColor()}`,
      inked && cell.isBold() ? "b" : "",
      inked && cell.isDim() ? "d" : "",
      inked && cell.isItalic() ? "i" : "",
      cell.isUnderline() ? "u" : "",
      cell.isInverse() ? "v" : "",
      inked && cell.isInvisible() ? "h" : "",
      inked && cell.isStrikethrough() ? "s" : "",
    ].join(",");
    if (style !== last) {
      out.push(`${x}:${style}`);
      last = style;
    }
  }
  return out.join(" ");
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await draw(JSON.parse(line)))}\n`);
}

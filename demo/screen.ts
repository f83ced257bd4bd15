/** What the demo writes on the terminal. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Writes lines; colours only where they are wanted. */
export const screen = (out: NodeJS.WriteStream) => {
  const colour = out.hasColors?.() ?? false;
  const paint = (style: Style, text: string) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const width = Math.min(out.columns ?? 100, 100);
  const wrap = (text: string, indent: string): string => {
    const lines: string[] = [];
    let line = '';
    for (const word of text.split(' ')) {
      if (line !== '' && 4 + line.length + 1 + word.length > width) {
        lines.push(indent + line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    return [...lines, indent + line].join('\n');
  };
  const print = (text = '') => out.write(`${text}\n`);
  return {
    print,
    paint,
    title: (text: string) =>
      print(`\n${paint('bold', `── ${text} ${'─'.repeat(Math.max(2, width - text.length - 4))}`)}`),
    tell: (text: string) => print(wrap(text, '  ')),
    fact: (text: string) => print(wrap(text, '    ')),
    page: (lines: readonly string[]) => {
      const inner = Math.max(...lines.map((line) => line.length));
      // A frame that does not fit is worse than none.
      if (inner + 6 > (out.columns ?? 100)) {
        for (const line of lines) print(wrap(line, `  ${paint('red', '│')} `));
        return;
      }
      const box = (left: string, fill: string, right: string) => paint('red', left + fill.repeat(inner + 2) + right);
      print(box('  ┌', '─', '┐'));
      for (const [index, line] of lines.entries())
        print(
          `  ${paint('red', '│')} ${index === 0 ? paint('bold', line.padEnd(inner)) : line.padEnd(inner)} ${paint('red', '│')}`,
        );
      print(box('  └', '─', '┘'));
    },
  };
};

export type Screen = ReturnType<typeof screen>;

import { parseTree, type JsonNode } from './json-tree.ts';

const indent = 2;
/** Lists of plain values fill lines up to this many characters. */
const width = 64;

/**
 * Lays JSON out without reading it as numbers or strings: every digit and escape stays as it was.
 * Lists that hold no objects or lists fill their lines, because a tensor with one number a line is unreadable.
 * Undefined when the text is no JSON.
 */
export function formatJson(text: string): string | undefined {
  const { root } = parseTree(text);
  if (!root) return undefined;
  const pad = (depth: number) => ' '.repeat(indent * depth);

  const layOut = (node: JsonNode, depth: number): string => {
    if (node.kind === 'scalar') return text.slice(node.start, node.end);
    const [open, close] = node.kind === 'object' ? ['{', '}'] : ['[', ']'];
    if (node.children.length === 0) return open + close;
    if (node.kind === 'array' && node.children.every(({ value }) => value.kind === 'scalar')) {
      return fill(
        node.children.map(({ value }) => text.slice(value.start, value.end)),
        depth,
      );
    }
    const lines = node.children.map(({ keyStart, keyEnd, value }) => {
      const name = node.kind === 'object' ? `${text.slice(keyStart, keyEnd)}: ` : '';
      return pad(depth + 1) + name + layOut(value, depth + 1);
    });
    return `${open}\n${lines.join(',\n')}\n${pad(depth)}${close}`;
  };

  const fill = (values: string[], depth: number): string => {
    const oneLine = `[${values.join(', ')}]`;
    if (oneLine.length + indent * depth <= width) return oneLine;
    const lines: string[] = [];
    let line = '';
    for (const [i, value] of values.entries()) {
      const item = i < values.length - 1 ? `${value},` : value;
      if (line && line.length + 1 + item.length + indent * (depth + 1) > width) {
        lines.push(pad(depth + 1) + line);
        line = '';
      }
      line += line ? ` ${item}` : item;
    }
    lines.push(pad(depth + 1) + line);
    return `[\n${lines.join('\n')}\n${pad(depth)}]`;
  };

  return layOut(root, 0);
}

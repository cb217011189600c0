import { pointerNames } from '@bkg/sdk/protocol';
import { pointerTo } from '../json-pointer.ts';
import { formatJson } from '../json-text.ts';
import { parseTree, type JsonNode } from '../json-tree.ts';

/**
 * Changes to a JSON text at one place. Everything outside of that place keeps its spelling, digit by digit; a text
 * that was laid out stays laid out.
 */

export function findNode(root: JsonNode | undefined, pointer: string): JsonNode | undefined {
  let node = root;
  for (const step of pointerNames(pointer)) node = node?.children.find(({ key }) => key === step)?.value;
  return node;
}

/** The text of a value, undefined when it is not there. */
export function textAt(text: string, pointer: string): string | undefined {
  const node = findNode(parseTree(text).root, pointer);
  return node && text.slice(node.start, node.end);
}

export function replaceValue(text: string, pointer: string, value: string): string {
  return change(text, pointer, (node) => splice(text, node.start, node.end, value), value);
}

/** Adds a member at the end of an object, or replaces the one of that name. */
export function setMember(text: string, objectPointer: string, name: string, value: string): string {
  const member = pointerTo(objectPointer, name);
  if (textAt(text, member) !== undefined) return replaceValue(text, member, value);
  return change(text, objectPointer, (node) => append(text, node, `${JSON.stringify(name)}: ${value}`));
}

export function addItem(text: string, arrayPointer: string, value: string): string {
  return change(text, arrayPointer, (node) => append(text, node, value));
}

/** Takes a member or an item away, with its comma. */
export function removeChild(text: string, parentPointer: string, key: string | number): string {
  return change(text, parentPointer, (node) => {
    const at = node.children.findIndex((child) => child.key === String(key));
    const child = node.children[at];
    if (!child) return text;
    const [before, after] = [node.children[at - 1], node.children[at + 1]];
    if (before) return splice(text, before.value.end, child.value.end, '');
    if (after) return splice(text, startOf(node, child), startOf(node, after), '');
    return splice(text, node.start + 1, node.end - 1, '');
  });
}

/** Exchanges an item with the one `by` places further on. */
export function moveItem(text: string, arrayPointer: string, index: number, by: 1 | -1): string {
  return change(text, arrayPointer, (node) => {
    const [first, second] = by === 1 ? [index, index + 1] : [index - 1, index];
    const [a, b] = [node.children[first]?.value, node.children[second]?.value];
    if (!a || !b) return text;
    const [left, right] = [text.slice(a.start, a.end), text.slice(b.start, b.end)];
    return splice(splice(text, b.start, b.end, left), a.start, a.end, right);
  });
}

function append(text: string, node: JsonNode, piece: string): string {
  const last = node.children.at(-1);
  if (last) return splice(text, last.value.end, last.value.end, `, ${piece}`);
  return splice(text, node.start + 1, node.end - 1, piece);
}

/** Layout is only looked at when the change can have disturbed it: typing in a field shall not cost a whole layout. */
function change(text: string, pointer: string, edit: (node: JsonNode) => string, value?: string): string {
  const node = findNode(parseTree(text).root, pointer);
  if (!node) return text;
  const edited = edit(node);
  if (value !== undefined && node.kind === 'scalar' && !/[[{]/.test(value)) return edited;
  return formatJson(text) === text ? (formatJson(edited) ?? edited) : edited;
}

function startOf(parent: JsonNode, child: JsonNode['children'][number]): number {
  return parent.kind === 'object' ? child.keyStart : child.value.start;
}

function splice(text: string, start: number, end: number, piece: string): string {
  return text.slice(0, start) + piece + text.slice(end);
}

import { parseTree, type JsonTree } from '../json-tree.ts';
import { buildForm } from './build-form.ts';
import type { Field } from './field.ts';

/** A text of this size is no form any more, and would be read anew at every key. */
const longestForm = 200_000;

export interface ParsedPayload {
  tree: JsonTree;
  /** It is JSON, and short enough to be looked at while it is typed. */
  isCheckable: boolean;
  /** The fields, or why there are none. */
  form?: Field;
  whyNoForm: string;
}

export function parsePayload(schema: unknown, text: string): ParsedPayload {
  const tree = parseTree(text);
  if (tree.mistake) {
    const { line, column, message } = tree.mistake;
    const whyNoForm = `The JSON has a mistake in line ${line}, column ${column}: ${message} The form comes back when that is mended.`;
    return { tree, isCheckable: false, whyNoForm };
  }
  if (text.length > longestForm) {
    const whyNoForm = 'This payload is too long for a form. It is edited as JSON.';
    return { tree, isCheckable: false, whyNoForm };
  }
  const form = buildForm(schema, text, tree.root);
  if (form.shape.kind === 'json') return { tree, isCheckable: true, whyNoForm: form.shape.why };
  return { tree, isCheckable: true, form, whyNoForm: '' };
}

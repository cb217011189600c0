import { curlSnippet } from './curl.ts';
import { natsSnippet, type SnippetText } from './nats-command.ts';
import { pythonSnippet } from './python.ts';
import type { SnippetRequest } from './snippet-request.ts';
import { typescriptSnippet } from './typescript.ts';

export const snippetLanguages = ['curl', 'nats', 'TypeScript', 'Python'] as const;
export type SnippetLanguage = (typeof snippetLanguages)[number];

/** An invocation as a text that makes it again, without the key. */
export function snippetOf(language: SnippetLanguage, request: SnippetRequest): SnippetText {
  // What is no JSON has no place in them: it could end where it stands, and go on as something else.
  if ('json' in request.input && !isJson(request.input.json))
    return { whyNot: 'The payload is no JSON, so there is nothing to send yet.' };
  switch (language) {
    case 'curl':
      return { text: curlSnippet(request) };
    case 'nats':
      return natsSnippet(request);
    case 'TypeScript':
      return { text: typescriptSnippet(request) };
    case 'Python':
      return { text: pythonSnippet(request) };
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

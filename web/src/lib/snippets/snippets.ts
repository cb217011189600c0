import { curlSnippet } from './curl.ts';
import { natsSnippet, type SnippetText } from './nats-command.ts';
import { pythonSnippet } from './python.ts';
import type { SnippetRequest } from './snippet-request.ts';
import { typescriptSnippet } from './typescript.ts';

export const snippetLanguages = ['curl', 'nats', 'TypeScript', 'Python'] as const;
export type SnippetLanguage = (typeof snippetLanguages)[number];

/** An invocation as a text that makes it again, without the key. */
export function snippetOf(language: SnippetLanguage, request: SnippetRequest): SnippetText {
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

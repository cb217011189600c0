import type { RegistryEntry } from '@bkg/sdk/protocol';

const errorMostLength = 1_000;

/** Why no capability of a plugin is known, as a sentence or two. */
export function whyNoCapabilities({ status, error }: RegistryEntry): string {
  switch (status) {
    case 'running':
      return 'It runs, but it has told of no capability yet.';
    case 'starting':
      return 'It is starting. Its capabilities are known once it runs.';
    case 'stopping':
    case 'stopped':
      return 'It has not told of any capability yet: they are known once it has run.';
    case 'error':
      return `It does not run: ${cutEnd(error ?? 'it has failed and does not say why')}. Its capabilities are known once it has run.`;
  }
}

/** Without a full stop of its own. */
function cutEnd(text: string): string {
  return (text.length > errorMostLength ? `${text.slice(0, errorMostLength)}…` : text).replace(/\.\s*$/, '');
}

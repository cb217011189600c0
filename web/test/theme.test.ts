import { describe, expect, it } from 'vitest';
import { applyTheme, nextTheme, readTheme } from '../src/lib/theme.ts';

const root = () => ({ dataset: {} }) as HTMLElement;

describe('the theme', () => {
  it('follows the system until somebody chooses one', () => {
    const storing = (value: string | null) => () => ({ getItem: () => value });
    expect([null, 'dark', 'pink'].map((value) => readTheme(storing(value)))).toEqual([
      'system',
      'dark',
      'system',
    ]);
    expect(nextTheme(nextTheme(nextTheme('system')))).toBe('system');
  });

  it('can be chosen where a browser keeps nothing', () => {
    const refuse = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError');
    };
    expect(readTheme(refuse)).toBe('system');
    const page = root();
    applyTheme('dark', refuse, page);
    expect(page.dataset.theme).toBe('dark');
  });
});

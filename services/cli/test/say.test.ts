import { expect, it } from 'vitest';
import { createSay } from '../src/say.ts';

function screen(isTTY: boolean) {
  const written: string[] = [];
  return { written, stream: { isTTY, columns: 40, write: (text: string) => written.push(text) > 0 } };
}

const soon = (ms: number): Promise<string> => new Promise((resolve) => setTimeout(resolve, ms, 'ready'));

it('prints plain aligned lines where there is no terminal', async () => {
  const { written, stream } = screen(false);
  const say = createSay({ stream, remindAfterMs: 1_000 });
  say.marked('!', 'gateway', 'ended');
  await say.while('nats-server', 'starting', () => soon(1));
  await say.while('plugins', 'ending', async () => ({ mark: '!', text: 'killed' }));
  expect(written).toEqual([
    '  ! gateway      ended\n',
    '  ✓ nats-server  ready (0.0 s)\n',
    '  ! plugins      killed (0.0 s)\n',
  ]);
});

it('reminds those who cannot see a moving line that something goes on', async () => {
  const { written, stream } = screen(false);
  await createSay({ stream, remindAfterMs: 20 }).while('gateway', 'starting', () => soon(70));
  expect(written[0]).toBe('  … gateway      still starting, 0.0 s\n');
});

it('moves a line on a terminal, and takes it away before it prints another', async () => {
  const { written, stream } = screen(true);
  const say = createSay({ stream });
  await say.while('gateway', 'starting', async () => {
    await soon(150);
    say.line('something else');
    return 'ready';
  });
  expect(written[0]).toMatch(/^ {2}⠋ gateway {6}starting · 0\.\d s$/);
  const something = written.indexOf('something else\n');
  expect(written[something - 1]).toBe('\r\x1b[2K');
  expect(written.at(-1)).toMatch(/^ {2}✓ gateway {6}ready \(0\.\d s\)\n$/);
});

it('prints nothing of what failed: the failure says it', async () => {
  const { written, stream } = screen(false);
  const failing = createSay({ stream }).while('gateway', 'starting', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(written).toEqual([]);
});

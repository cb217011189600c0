import { describe, expect, it } from 'vitest';
import { KeptReplies } from '../src/kept-replies.ts';

const reply = (subject: string, data = 'x') => ({ subject, data, headers: undefined });
const subjectsOf = (replies: { subject: string }[]) => replies.map(({ subject }) => subject);

describe('kept replies', () => {
  it('are given away to one asker before all others, each once and in their order', () => {
    const kept = new KeptReplies();
    for (const subject of ['_INBOX.a.1', '_INBOX.b.1', '_INBOX.a.2', '_INBOX.ab.1'])
      kept.keep(reply(subject));
    expect(subjectsOf(kept.take('_INBOX.a.'))).toEqual(['_INBOX.a.1', '_INBOX.a.2']);
    expect(subjectsOf(kept.take(''))).toEqual(['_INBOX.b.1', '_INBOX.ab.1']);
    expect(kept.take('')).toEqual([]);
  });

  it('are as they were given, whatever their owner writes into their bytes later', () => {
    const kept = new KeptReplies();
    const data = Buffer.from('as given');
    kept.keep({ subject: '_INBOX.a.1', data, headers: undefined });
    data.fill(0);
    expect(String(kept.take('')[0]?.data)).toBe('as given');
  });

  it('have room again when some are given away', () => {
    const kept = new KeptReplies();
    const large = 'x'.repeat(5 * 1024 * 1024);
    expect([kept.keep(reply('_INBOX.a.1', large)), kept.keep(reply('_INBOX.b.1', large))]).toEqual([
      true,
      false,
    ]);
    kept.take('_INBOX.a.');
    expect(kept.keep(reply('_INBOX.b.1', large))).toBe(true);
  });
});

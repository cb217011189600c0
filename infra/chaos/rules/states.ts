import type { Watcher } from '../watcher.ts';
import { views } from '../watcher.ts';
import type { Verdict } from './verdict.ts';

export function judgeStates({
  wrong,
  looks,
  nothing,
  states,
}: Pick<Watcher, 'wrong' | 'looks' | 'nothing' | 'states'>): Verdict {
  const words = Object.entries(states).map(([word, count]) => `${count} ${word}`);
  return {
    rule: 'every state that was shown was one of the five, and true in time',
    flaws: wrong,
    counted: [
      ...views.map((view) => `${view}: ${looks[view]} looks, ${nothing[view]} times nothing was shown`),
      `states: ${words.join(', ')}`,
    ].join('\n'),
  };
}

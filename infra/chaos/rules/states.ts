import type { InstanceTruth } from '../truth.ts';
import type { Watcher } from '../watcher.ts';
import { views } from '../watcher.ts';
import type { Verdict } from './verdict.ts';

export interface StateEvidence extends Pick<Watcher, 'wrong' | 'looks' | 'nothing' | 'states' | 'running'> {
  truth: ReadonlyMap<string, InstanceTruth>;
}

export function judgeStates({ wrong, looks, nothing, states, running, truth }: StateEvidence): Verdict {
  const words = Object.entries(states).map(([word, count]) => `${count} ${word}`);
  const ghosts = [...running].filter(([instance]) => !truth.has(instance));
  return {
    rule: 'every state that was shown was one of the five, and true in time',
    flaws: [
      ...wrong,
      ...ghosts.map(([instance, where]) => `${where}: ${instance} is shown as running, and was never there`),
      ...views.filter((view) => looks[view] === 0).map((view) => `${view}: nothing was ever shown`),
      ...(Object.keys(states).every((word) => word.endsWith(', unknown')) ? ['no state was ever sure'] : []),
    ],
    counted: [
      ...views.map((view) => `${view}: ${looks[view]} looks, ${nothing[view]} times nothing was shown`),
      `states: ${words.join(', ')}`,
      `${running.size} instances shown as running, ${truth.size} were there`,
    ].join('\n'),
  };
}

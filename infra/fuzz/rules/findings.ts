import type { Verdict } from '../../chaos/rules/verdict.ts';
import type { CampaignResult } from '../campaign.ts';

const shownInputs = 3;

/** Every input has ended as it may. The same flaw of many inputs is told once. */
export function judgeFindings(campaigns: readonly CampaignResult[]): Verdict {
  const flaws = campaigns.flatMap(({ way, inputs, findings }) => {
    if (inputs === 0) return [`${way}: there was no input`];
    const kinds = Map.groupBy(findings, ({ flaw }) => flaw.replaceAll(/\d+/g, '#'));
    return [...kinds.values()].map((some) => {
      const inputsOf = some.slice(0, shownInputs).map(({ input }) => input);
      return `${inputsOf.join(', ')} (${some.length} times): ${some[0]?.flaw}\n      ${some[0]?.shown}`;
    });
  });
  return {
    rule: 'every input ends in time, with an answer that is allowed and no 5xx that no plugin has earned',
    flaws,
    counted: campaigns
      .map(({ way, inputs, outcomes }) => `${way}: ${inputs} inputs, ${outcomes.length} outcomes`)
      .join('\n'),
  };
}

import { configWhyMostLength, orderByMostLength } from '../requests.ts';
import { contractRules, rolloutStates, rolloutSteps, rolloutVerbs } from '../rollout.ts';
import type {
  ConfigHistory,
  ConfigRevision,
  ContractBreak,
  ContractChange,
  ContractReport,
  HistoryQuery,
  RollbackOrder,
  Rollout,
  RolloutInstance,
  RolloutInvocations,
  ScaleOrder,
  SwapOrder,
} from '../rollout.ts';
import { ref } from './ref.ts';
import { closed, count, flag, listOf, mapOf, number, object, oneOf, text, time } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const version = text('Its version.');
const ms = (description: string) => number(`${description}, in ms.`);

const difference = {
  capability: text('The capability id.'),
  path: text('A JSON pointer into the schema that differs; "" for the capability as a whole.'),
  detail: text('The difference, for people.'),
};

export const wait = { ...flag('`false`: the answer comes when the order is written.'), default: true };
export const by = text('Who orders it, as it says itself; kept with what is written.', {
  maxLength: orderByMostLength,
});
export const why = text('Why, for people; kept with what is written.', { maxLength: configWhyMostLength });
const force = { ...flag('Whatever the rules of a contract say.'), default: false };

export const rolloutSchemas = {
  Rollout: object<Rollout>(
    {
      verb: oneOf(rolloutVerbs, 'What has ordered it.'),
      state: oneOf(rolloutStates, 'What has become of it.'),
      by: text('Who has ordered it.'),
      why: text('Why, for people.'),
      from: text('The version before it.'),
      to: text('The version after it; of a restart the same.'),
      started_at: time('When it began.'),
      instances: listOf(ref('RolloutInstance'), 'The instances that came, in their order.'),
      invocations: ref('RolloutInvocations'),
      contract: ref('ContractReport'),
    },
    {
      step: oneOf(rolloutSteps, 'While it runs: what it is doing.'),
      error: text('Why it failed, for people.'),
      duration_ms: ms('Until the last old instance had ended'),
      paused_ms: ms('Of a `single_writer` plugin: how long nobody took invocations'),
    },
  ),
  RolloutInstance: object<RolloutInstance>(
    { instance: text('The instance id.'), version },
    {
      ready_ms: ms('From its launch until it could take invocations'),
      self_test_ms: ms('How long its self-test took'),
      replaced: text('The instance that went for it.'),
      drain_ms: ms('From the order to that one to end until it had'),
    },
  ),
  RolloutInvocations: object<RolloutInvocations>({
    answered: count('Invocations answered meanwhile.'),
    failed: count('Of these, with an error.'),
    lost: {
      ...count('Taken by an instance that went, and not answered; null when that is not known.'),
      type: ['integer', 'null'],
    } as SchemaOf<number | null>,
  }),
  ContractReport: object<ContractReport>({
    breaks: listOf(ref('ContractBreak'), 'What callers would notice, by a rule.'),
    unknown: listOf(ref('ContractChange'), 'Other differences.'),
  }),
  ContractChange: object<ContractChange>(difference),
  ContractBreak: object<ContractBreak>({ ...difference, rule: oneOf(contractRules, 'Which rule.') }),
  SwapOrder: closed(
    object<SwapOrder>(
      { version: text('One of the versions that lie here.', { minLength: 1 }) },
      { force, wait, by, why },
    ),
  ),
  ScaleOrder: closed(
    object<ScaleOrder>({ replicas: count('Instances on this machine.', 0, 64) }, { wait, by, why }),
  ),
  RollbackOrder: closed(
    object<RollbackOrder>(
      {},
      {
        to: count('The revision that comes back; default the one before that is in force.', 1),
        force,
        wait,
        by,
        why,
      },
    ),
  ),
  HistoryQuery: closed(object<HistoryQuery>({}, { before: count('Revisions older than this.', 1) })),
  ConfigRevision: object<ConfigRevision>(
    {
      revision: count('Of the configuration.'),
      by: text('Who has written it.'),
      at: text('When, RFC 3339; "" when that is not known.'),
      why: text('Why, for people.'),
      config: ref('PluginConfig'),
    },
    {
      version: text('The version of the plugin that was wanted with it.'),
      restores: count('Configuration and version are those of this revision again.', 1),
      secrets: mapOf(
        count('A revision.', 1),
        'Of each variable whose value is not shown, the oldest revision that is kept with the same value.',
      ),
    },
  ),
  ConfigHistory: object<ConfigHistory>(
    { revisions: listOf(ref('ConfigRevision'), 'Newest first.') },
    { truncated: flag('One message cannot hold all: ask again, `before` the last of these.') },
  ),
};

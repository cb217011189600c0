import { describe, expect, it } from 'vitest';
import {
  capabilityOf,
  eventKinds,
  parseEventSubject,
  patterns,
  pluginIdOf,
  serviceVerbs,
  subjects,
} from '../../src/protocol/subjects.ts';
import { isCapabilityId, isPluginId, isSubjectToken } from '../../src/protocol/names.ts';
import { createRandom } from './random.ts';

/** Ids that are words of the subjects themselves, which is where taking them apart goes wrong first. */
const ids = ['echo', 'at', 'invoke', 'events', 'plugin', 'status', 'a-b_c', '0'];
const instances = ['I1', 'at', 'invoke', 'events', 'x_-Y'];
const capabilities = ['say', 'model.load', 'at', 'invoke', 'at.invoke.invoke', 'events.x.status', '-._'];

/** NATS' own rule: `*` is one token, `>` the rest, which is at least one. */
function matches(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split('.'), subject.split('.')];
  const tail = wanted.indexOf('>');
  if (tail >= 0 ? given.length <= tail : given.length !== wanted.length) return false;
  return wanted.every((token, i) => token === '>' || token === '*' || token === given[i]);
}

describe('an invoke subject', () => {
  it('gives back its plugin and its capability', () => {
    for (const id of ids) {
      expect(capabilityOf(subjects.invoke(id))).toBeUndefined();
      expect(pluginIdOf(subjects.invoke(id))).toBe(id);
      for (const capability of capabilities) {
        const subject = subjects.invokeCapability(id, capability);
        expect(capabilityOf(subject)).toBe(capability);
        expect(pluginIdOf(subject)).toBe(id);
        expect(matches(subjects.invokeAny(id), subject)).toBe(true);
      }
    }
  });

  it('of one instance gives back the same, and is taken by no other subscription', () => {
    for (const id of ids) {
      for (const instance of instances) {
        for (const capability of capabilities) {
          const subject = subjects.invokeAt(id, instance, capability);
          expect(capabilityOf(subject)).toBe(capability);
          expect(pluginIdOf(subject)).toBe(id);
          expect(matches(subjects.invokeAtAny(id, instance), subject)).toBe(true);
          expect(matches(subjects.invokeAny(id), subject)).toBe(false);
          expect(matches(subjects.invokeAtAny(id, 'another'), subject)).toBe(false);
        }
      }
    }
  });

  it('is the only kind with a capability', () => {
    const others = [
      subjects.status('a'),
      subjects.telemetry('a'),
      subjects.cancel('a'),
      subjects.inflight('a'),
      subjects.logs('a'),
      subjects.drain('a', 'i'),
      subjects.control('start', 'a'),
      subjects.registryGet('a'),
      ...eventKinds.map((kind) => subjects.event('a', 'i', kind)),
      ...serviceVerbs.map((verb) => subjects.service(verb, 'a', 'i')),
      ...[
        '',
        '.',
        'plugin',
        'plugin.a',
        'plugin..',
        'invoke.a.invoke.b',
        'plugin.a.at',
        'plugin.a.at.i.invoke',
      ],
    ];
    for (const subject of others) expect([subject, capabilityOf(subject)]).toEqual([subject, undefined]);
  });
});

describe('an event subject', () => {
  it('gives back plugin, instance and kind', () => {
    for (const id of ids) {
      for (const instance of instances) {
        for (const kind of eventKinds) {
          const subject = subjects.event(id, instance, kind);
          expect(parseEventSubject(subject)).toEqual({ id, instance, kind });
          expect(matches(subjects.events(), subject)).toBe(true);
          expect(matches(subjects.events(kind), subject)).toBe(true);
          expect(matches(subjects.events(kind, id), subject)).toBe(true);
          expect(matches(subjects.events(kind, 'another'), subject)).toBe(false);
        }
      }
    }
  });

  it.each([
    '',
    '.',
    'plugin',
    'plugin.a.events.i',
    'plugin.a.events.i.status.more',
    'plugin.a.events.i.other',
    'plugin.a.events.i.',
    'plugin.a.events..status',
    'plugin..events.i.status',
    'plugin.A.events.i.status',
    'plugin.*.events.*.status',
    'plugin.>.events.i.status',
    'plugin.a.events.i\n.status',
    'plugin.a b.events.i.status',
    `plugin.${'a'.repeat(64)}.events.i.status`,
    `plugin.a.events.${'i'.repeat(129)}.status`,
    'plugin.a.event.i.status',
    'bkg.a.events.i.status',
    'plugin.a.events.i.constructor',
  ])('is not %j', (subject) => {
    expect(parseEventSubject(subject)).toBeUndefined();
  });

  it('never yields an impossible name, whatever arrives', () => {
    const { pick, text, below } = createRandom(2);
    const right = ['plugin', 'a', 'events', 'I1', 'status'];
    const wrong = ['plugin', 'events', 'invoke', 'at', 'log', '*', '>', '', ' ', '\n', 'A', '$'];
    let parsed = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const subject = Array.from({ length: below(4) ? 5 : below(8) }, (_, at) => {
        if (below(4)) return right[at] ?? 'more';
        return below(2) ? pick(wrong) : text('aZ9-_.*> \n', 4);
      }).join('.');
      const event = parseEventSubject(subject);
      if (event) {
        parsed += 1;
        expect(isPluginId(event.id) && isSubjectToken(event.instance)).toBe(true);
        expect(subjects.event(event.id, event.instance, event.kind)).toBe(subject);
      }
      const capability = capabilityOf(subject);
      if (capability !== undefined && isCapabilityId(capability) && isPluginId(pluginIdOf(subject))) {
        expect(subject.endsWith(`.invoke.${capability}`)).toBe(true);
      }
    }
    expect(parsed).toBeGreaterThan(500);
    expect(parsed).toBeLessThan(5_000);
  });
});

describe('a subject of the supervisor', () => {
  it('ends in the plugin that it is about', () => {
    for (const id of ids) {
      for (const subject of [subjects.registryGet(id), subjects.control('start', id)]) {
        expect(pluginIdOf(subject)).toBe(id);
      }
      for (const subject of [subjects.logs(id), subjects.status(id), subjects.telemetry(id)]) {
        expect(pluginIdOf(subject)).toBe(id);
      }
    }
  });

  it('is taken by the pattern of the same name and by no other', () => {
    const pairs = [
      [patterns.logs, subjects.logs('a')],
      [patterns.status, subjects.status('a')],
      [patterns.telemetry, subjects.telemetry('a')],
      [patterns.registryGet, subjects.registryGet('a')],
      [patterns.control('start'), subjects.control('start', 'a')],
      [patterns.control('stop'), subjects.control('stop', 'a')],
    ] as const;
    for (const [pattern] of pairs) {
      expect(pairs.filter(([, subject]) => matches(pattern, subject)).map(([own]) => own)).toEqual([pattern]);
    }
  });

  it('is not taken for another when it has no id', () => {
    expect(matches(patterns.control('shutdown'), subjects.shutdown)).toBe(false);
    expect(matches(patterns.registryGet, subjects.registryList)).toBe(false);
  });
});

describe('the subjects of discovery and of replies', () => {
  it('are those of ADR-32', () => {
    expect(subjects.service('PING')).toBe('$SRV.PING');
    expect(subjects.service('INFO', 'echo')).toBe('$SRV.INFO.echo');
    expect(subjects.service('STATS', 'echo', 'I1')).toBe('$SRV.STATS.echo.I1');
  });

  it('lie below _INBOX, apart for each identity', () => {
    expect(subjects.inbox('gateway')).toBe('_INBOX.gateway');
    expect(subjects.inbox('echo', 'I1')).toBe('_INBOX.echo.I1');
  });
});

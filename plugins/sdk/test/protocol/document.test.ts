/** PROTOCOL.md and the code say the same. Each of these fails when one side changes alone. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as access from '../../src/protocol/index.ts';
import { declaredErrorNumbers, errorTable, isProblem, problemOf } from '../../src/protocol/errors.ts';
import { answerGraceMs, headerNames } from '../../src/protocol/headers.ts';
import { isForbiddenEnv } from '../../src/protocol/manifest.ts';
import { decodeDescriptor, encodeDescriptor, protocolVersion } from '../../src/protocol/micro.ts';
import type { PluginCapability } from '../../src/protocol/plugin.ts';
import { isCapabilityId, isPluginId, isReservedPluginId, isSubjectToken } from '../../src/protocol/names.ts';
import { buckets, leaseKey, leaseStaleMs } from '../../src/protocol/plugin.ts';
import { manifestSchema, schemaOf } from '../../src/protocol/schemas/index.ts';
import { statuses } from '../../src/protocol/status.ts';
import {
  eventKinds,
  inboxRoot,
  invokeQueue,
  patterns,
  serviceVerbs,
  subjects,
} from '../../src/protocol/subjects.ts';
import type { EventKind, ServiceVerb } from '../../src/protocol/subjects.ts';
import { createValidator } from '../../src/validator.ts';
import { codeSpans, codesIn, document, fences, prose, section, table } from './document.ts';
import { createRandom } from './random.ts';

const sorted = (texts: Iterable<string>): string[] => [...new Set(texts)].sort();

describe('the names in PROTOCOL.md', () => {
  const rows = table('Names', 'thing');
  const cell = (thing: string) => rows.find((row) => row['thing'] === thing)?.['form'] ?? '';
  const patternIn = (thing: string) => new RegExp(codeSpans(cell(thing))[0] ?? '(?!)');

  it('have the patterns of the code', () => {
    const { text } = createRandom(6);
    const most = Number(/at most (\d+)/.exec(cell('capability id'))?.[1]);
    const checks: [RegExp, number, (name: string) => boolean][] = [
      [patternIn('plugin id'), Infinity, isPluginId],
      [patternIn('capability id'), most, isCapabilityId],
      [patternIn('instance id, invocation id'), Infinity, isSubjectToken],
    ];
    const names = [
      ...Array.from({ length: 3_000 }, () => text('abZ09-_. *>', 6)),
      ...[0, 1, 2, 62, 63, 64, 65, 127, 128, 129].map((length) => 'a'.repeat(length)),
    ];
    for (const [pattern, mostLength, accepts] of checks) {
      for (const name of names) {
        expect([name, pattern.test(name) && name.length <= mostLength]).toEqual([name, accepts(name)]);
      }
    }
  });

  it('reserve what the code reserves', () => {
    const words = codeSpans(cell('plugin id').split('Reserved:')[1] ?? '');
    expect(words).toEqual(['sdk', 'api', 'ws', 'bkg']);
    for (const word of words) expect(isReservedPluginId(word)).toBe(true);
    const beginnings = words.filter((word) => isReservedPluginId(`${word}x`));
    expect(cell('plugin id')).toContain(
      `everything that begins with ${beginnings.map((one) => `\`${one}\``).join()}`,
    );
  });
});

describe('the subjects in PROTOCOL.md', () => {
  /** Every builder with the placeholders of the document; a new one does not compile before it is here. */
  const written: Record<keyof typeof subjects, string[]> = {
    invoke: [subjects.invoke('<id>')],
    invokeCapability: [subjects.invokeCapability('<id>', '<capability>')],
    invokeAny: [subjects.invokeAny('<id>')],
    invokeAt: [subjects.invokeAt('<id>', '<instance>', '<capability>')],
    invokeAtAny: [subjects.invokeAtAny('<id>', '<instance>')],
    status: [subjects.status('<id>')],
    telemetry: [subjects.telemetry('<id>')],
    inflight: [subjects.inflight('<id>')],
    cancel: [subjects.cancel('<id>')],
    flow: [subjects.flow('<id>', '<instance>', '<token>'), subjects.flow('<id>', '<instance>', '*')],
    logs: [subjects.logs('<id>')],
    registryList: [subjects.registryList],
    registryGet: [subjects.registryGet('<id>')],
    history: [subjects.history('<id>')],
    control: [subjects.control('<verb>', '<id>')],
    controlBy: [subjects.controlBy('<verb>', '<id>', '<prefix>')],
    auditEvent: [subjects.auditEvent],
    auditList: [subjects.auditList],
    accessInstance: [subjects.accessInstance],
    keyChanged: [subjects.keyChanged('<instance>')],
    spent: [subjects.spent('<gateway>')],
    authorization: [subjects.authorization],
    connections: [subjects.connections],
    kick: [subjects.kick('<server>')],
    shutdown: [subjects.shutdown],
    drain: [subjects.drain('<id>', '<instance>')],
    configure: [subjects.configure('<id>', '<instance>')],
    admit: [subjects.admit('<id>', '<instance>')],
    event: [subjects.event('<id>', '<instance>', '<kind>' as EventKind)],
    events: [
      subjects.events(),
      subjects.events('<kind>' as EventKind),
      subjects.events('<kind>' as EventKind, '<id>'),
    ],
    service: [
      subjects.service('<verb>' as ServiceVerb),
      subjects.service('<verb>' as ServiceVerb, '<id>'),
      subjects.service('<verb>' as ServiceVerb, '<id>', '<instance>'),
    ],
    inbox: [subjects.inbox('<identity>')],
  };
  const writtenPatterns: Record<keyof typeof patterns, string> = {
    logs: patterns.logs,
    status: patterns.status,
    telemetry: patterns.telemetry,
    registryGet: patterns.registryGet,
    history: patterns.history,
    control: patterns.control('<verb>'),
    controlBy: patterns.controlBy('<verb>'),
  };
  const known = [...Object.values(written).flat(), ...Object.values(writtenPatterns)];
  const isSubject = (code: string) =>
    /^(plugin\.|bkg\.(registry|control|audit|access|spent)|\$SRV|\$SYS|_INBOX)/.test(code) &&
    code !== 'plugin.json';

  it('are those that the code builds, no more and no fewer', () => {
    expect(sorted(Object.keys(written))).toEqual(sorted(Object.keys(subjects)));
    expect(sorted(Object.keys(writtenPatterns))).toEqual(sorted(Object.keys(patterns)));
    const anyVerb = new RegExp(`^\\$SRV\\.(${serviceVerbs.join('|')})`);
    // What is permitted is told in patterns of its own, and held to the code below.
    const mentioned = codeSpans(prose.replace(section('At the broker'), ''))
      .filter(isSubject)
      .map((code) => code.replace(anyVerb, () => '$SRV.<verb>'));
    expect(sorted(mentioned)).toEqual(sorted([...known, inboxRoot]));
  });

  it('are all in the two tables, and the reply subject beside them', () => {
    const tables = [...table('Subjects', 'subject'), ...table('Subjects', 'subscription')];
    const listed = [...codesIn(tables, 'subject'), ...codesIn(tables, 'subscription')].filter(isSubject);
    expect(sorted([...listed, subjects.inbox('<identity>')])).toEqual(sorted(known));
  });

  it('are real ones in the examples', () => {
    const examples = [...document.matchAll(/^```.*?^```$/gms)].map(([text]) => text).join('\n');
    const given = [
      ...examples.matchAll(/(?<![\w.])(?:plugin\.|bkg\.(?:registry|control)\.|\$SRV\.)[^\s"',)]+/g),
    ];
    const forms = known.map(
      (form) =>
        new RegExp(
          `^${form
            .split('.')
            .map((token) =>
              token === '<capability>' ? '[a-z0-9_.-]+' : /^[<*]/.test(token) ? '[^.]+' : token,
            )
            .join('\\.')
            .replace('$', '\\$')
            .replace('>', '.+')}$`,
        ),
    );
    const subjectsGiven = given
      .map(([subject]) => subject)
      .filter((subject) => subject !== 'plugin.candle.events.>');
    expect(subjectsGiven.length).toBeGreaterThan(5);
    for (const subject of subjectsGiven) {
      expect([subject, forms.some((form) => form.test(subject))]).toEqual([subject, true]);
    }
  });

  it('have the verbs, kinds and queue group of the code', () => {
    expect(codesIn(table('Events', 'kind'), 'kind')).toEqual([...eventKinds]);
    expect(codesIn(table('Discovery', 'verb'), 'verb')).toEqual([...serviceVerbs]);
    const queued = table('Subjects', 'subject').filter((row) => row['kind']?.includes('queue group'));
    expect(codesIn(queued, 'kind')).toEqual([invokeQueue, invokeQueue, access.accessQueue]);
    expect(codesIn(queued, 'subject')).toEqual([
      written.invokeCapability[0],
      written.invoke[0],
      subjects.authorization,
    ]);
  });
});

describe('the broker permissions in PROTOCOL.md', () => {
  const { instancePermissions, keyPermissions, gatewayPermissions, parseScope } = access;
  const rows = table('At the broker', 'who');
  const cells = (who: string): Record<'publish' | 'subscribe', string[]> => {
    const row = rows.find((one) => one['who'] === who);
    if (!row) throw new Error(`no row "${who}"`);
    return {
      publish: sorted(codeSpans(row['publish'] ?? '')),
      subscribe: sorted(codeSpans(row['subscribe'] ?? '')),
    };
  };
  const told = ({ publish, subscribe }: access.Permissions) => ({
    publish: sorted(publish.allow),
    subscribe: sorted(subscribe.allow),
  });
  /** What one scope gives beside what every key has. */
  const ofScope = (...scopes: string[]) => {
    const identity = { prefix: '<prefix>', scopes: scopes.map(placed) };
    const [all, bare] = [identity, { ...identity, scopes: [] }].map((one) => told(keyPermissions(one)));
    const more = (side: 'publish' | 'subscribe') => all![side].filter((one) => !bare![side].includes(one));
    return { publish: more('publish'), subscribe: more('subscribe') };
  };
  /** A scope with placeholders, which no scope that is parsed may have. */
  const placed = (text: string): access.Scope => {
    const { verb } = parseScope(text.replaceAll(/<\w+>/g, 'x'));
    const [, plugin = '*', capability = '*'] = text.split(':');
    return { verb, plugin, capability };
  };

  it('of an instance are those of the code', () => {
    const identity = { plugin: '<id>', instance: '<instance>', needs: [] };
    expect(cells('instance')).toEqual(told(instancePermissions(identity)));
    const needs = [{ plugin: '<other>', capability: '<capability>' }];
    const own = told(instancePermissions(identity));
    const all = told(instancePermissions({ ...identity, needs }));
    expect(cells('… with `needs` `<other>:<capability>`')).toEqual({
      publish: all.publish.filter((one) => !own.publish.includes(one)),
      subscribe: all.subscribe.filter((one) => !own.subscribe.includes(one)),
    });
  });

  it('of a key are those of the code, scope by scope', () => {
    expect(cells('key')).toEqual(told(keyPermissions({ prefix: '<prefix>', scopes: [] })));
    for (const scope of ['invoke:<id>:<capability>', 'invoke:<id>', 'read', 'read:<id>', 'control:<id>'])
      expect([scope, cells(`… with \`${scope}\``)]).toEqual([scope, ofScope(scope)]);
    const instance = instancePermissions({ plugin: '<id>', instance: '*', needs: [] });
    const served = told(keyPermissions({ prefix: '<prefix>', scopes: [placed('serve:<id>')] }));
    expect(served.publish).toEqual(sorted(instance.publish.allow));
    expect(served.subscribe.filter((one) => one !== '_INBOX.<prefix>.>')).toEqual(
      sorted(instance.subscribe.allow.filter((one) => one !== '_INBOX.<id>.*.>')),
    );
    const least = ofScope('read', 'invoke', 'control');
    const admin = ofScope('admin');
    const beside = cells('… with `admin`').publish.filter((one) => one.startsWith('bkg.'));
    expect(admin.publish).toEqual(sorted([...least.publish, ...beside]));
    expect(admin.subscribe).toEqual(ofScope('read', 'invoke').subscribe);
  });

  it('of a gateway are those of the code, and its two buckets', () => {
    const { publish, subscribe } = told(gatewayPermissions());
    const isOfBucket = (one: string) => /^\$JS\.\S+KV_bkg_(registry|lease)/.test(one);
    const shown = cells('gateway');
    const names = ['bkg.control.shutdown', 'bkg_registry', 'bkg_lease'];
    expect(shown.publish.filter((one) => !names.includes(one))).toEqual(
      publish.filter((one) => !isOfBucket(one)),
    );
    expect(gatewayPermissions().publish.deny).toEqual(['bkg.control.shutdown']);
    expect(shown.subscribe).toEqual(subscribe);
  });

  it('keep everybody out of the keys, and nobody has an empty list, which would be everything', () => {
    const scopes = ['read', 'invoke', 'control', 'serve:a', 'admin'].map(parseScope);
    for (const scope of [...scopes.map((one) => [one]), scopes, []]) {
      const { publish, subscribe } = keyPermissions({ prefix: 'Kaaaaaaaaa', scopes: scope });
      const isAdmin = scope.some(({ verb }) => verb === 'admin');
      const orders = isAdmin ? [] : ['bkg.control.*.apikeys'];
      expect(publish.deny).toEqual(['plugin.apikeys.invoke', 'plugin.apikeys.invoke.>', ...orders]);
      expect(Math.min(publish.allow.length, subscribe.allow.length)).toBeGreaterThan(0);
    }
  });

  it('have the scopes and the roles of the code', () => {
    expect(codesIn(table('Scopes', 'verb'), 'verb')).toEqual([...access.scopeVerbs]);
    const roles = table('Scopes', 'role').map((row) => [
      codeSpans(row['role'] ?? '')[0],
      codeSpans(row['scopes'] ?? ''),
    ]);
    expect(Object.fromEntries(roles)).toEqual(access.builtInRoles);
  });
});

describe('the headers in PROTOCOL.md', () => {
  it('are those of the code', () => {
    expect(sorted(codesIn(table('Headers', 'header'), 'header'))).toEqual(sorted(Object.values(headerNames)));
    const headerLike = /^(Bkg|Nats)-[A-Za-z-]+$/;
    const mentioned = codeSpans(prose).filter(
      (code) => headerLike.test(code) && code !== 'Nats-Service-Error',
    );
    for (const code of mentioned) expect(Object.values(headerNames)).toContain(code);
  });
});

describe('the errors in PROTOCOL.md', () => {
  it('are the error table, line by line', () => {
    const told = table('Errors', 'code').map((row) => [
      row['code'],
      { number: Number(row['number']), retryable: row['retryable'], executed: row['executed'] },
    ]);
    const entries = Object.entries(errorTable).map(([code, { number, retryable, executed }]) => [
      `\`${code}\``,
      { number, retryable: retryable ? 'yes' : 'no', executed },
    ]);
    expect(told).toEqual(entries);
    for (const row of table('Errors', 'code')) expect(row['when']).not.toBe('');
  });

  it('mention no other code', () => {
    const own = ['MY_PLUGIN_DATA_LOSS', 'SIGTERM'];
    const mentioned = codeSpans(prose).filter(
      (code) => /^[A-Z]+(_[A-Z]+)+$/.test(code) && !code.startsWith('BKG_'),
    );
    expect(
      sorted(mentioned).filter(
        (code) => !own.includes(code) && !isForbiddenEnv(code) && !(code in errorTable),
      ),
    ).toEqual([]);
  });

  it('may be declared with the numbers of the code', () => {
    const [, numbers = ''] = /Its number is one of\s([\d\s]+)\./.exec(section('Errors')) ?? [];
    expect(numbers.trim().split(/\s+/).map(Number)).toEqual([...declaredErrorNumbers]);
  });

  it('arrive as problem objects with the members of the code', () => {
    const problem = problemOf('BUSY', errorTable.BUSY, 'full', [{ path: '', message: 'no' }]);
    expect(isProblem(problem)).toBe(true);
    expect(codesIn(table('Problem', 'member'), 'member')).toEqual(Object.keys(problem));
    expect(problem.type).toBe('urn:bkg:error:busy');
    const long = 'x'.repeat(100_000);
    const cut = problemOf('BUSY', errorTable.BUSY, long, Array(100).fill({ path: long, message: long }));
    const cell = (member: string) =>
      table('Problem', 'member').find((row) => row['member'] === `\`${member}\``)?.['value'] ?? '';
    expect(cell('detail')).toContain(`At most ${cut.detail.length.toLocaleString('en')} characters`);
    expect(cell('errors')).toContain(`at most ${cut.errors?.length} places`);
    expect(cell('errors')).toContain(`At most ${cut.errors?.[0]?.message.length} characters each`);
    expect(codesIn(table('Problem', 'member'), 'value')).toContain('urn:bkg:error:');
  });
});

describe('discovery in PROTOCOL.md', () => {
  const capability: PluginCapability = {
    id: 'a',
    name: 'a',
    description: '',
    input_schema: {},
    output_schema: {},
    stream: true,
    upload: true,
    idempotent: true,
    chunk_schema: {},
    input_type: 'image/*',
    output_type: 'image/png',
    chunk_type: 'video/mp4',
    errors: {},
  };
  const encoded = encodeDescriptor({
    id: 'a',
    version: '1.0.0',
    name: 'a',
    description: '',
    author: '',
    capabilities: [capability],
    settings_schema: {},
    settings_live: true,
  });

  it('has the metadata keys of the code, each where it belongs', () => {
    const rows = table('Discovery', 'key');
    const keysOf = (place: string) =>
      codesIn(
        rows.filter((row) => row['of']?.includes(place)),
        'key',
      );
    expect(sorted(keysOf('service'))).toEqual(sorted(Object.keys(encoded.metadata)));
    expect(sorted(keysOf('endpoint'))).toEqual(sorted(Object.keys(encoded.endpoints[0]!.metadata)));
    const mentioned = codeSpans(prose).filter((code) =>
      /^bkg\.(?!registry|control|audit|access|spent)/.test(code),
    );
    expect(sorted(mentioned)).toEqual(sorted(codesIn(rows, 'key')));
  });

  it('is of the version of the code', () => {
    const row = table('Discovery', 'key').find((one) => one['key'] === '`bkg.protocol`');
    expect(codeSpans(row?.['value'] ?? '')).toEqual([protocolVersion]);
    expect(document).toMatch(new RegExp(`^# The bkg wire contract, version ${protocolVersion}\n`));
  });

  it('gives an INFO reply that is valid and that the code reads', () => {
    const [text] = fences('json').filter((block) => block.includes('info_response'));
    const info: unknown = JSON.parse(text ?? 'null');
    expect(createValidator(schemaOf('InfoResponse'))(info)).toEqual([]);
    expect(decodeDescriptor(info)?.capabilities).toMatchObject([{ id: 'text.say', idempotent: true }]);
  });
});

describe('the deadline in PROTOCOL.md', () => {
  it('has the time that callers wait longer', () => {
    expect(section('Invocation')).toContain(`the SDK's client: ${answerGraceMs} ms`);
  });
});

describe('the states in PROTOCOL.md', () => {
  it('are the five of the code, in the order of a life', () => {
    const words = codesIn(table('Life of an instance', 'status'), 'status');
    expect(words).toEqual([...statuses]);
  });
});

describe('the launch in PROTOCOL.md', () => {
  it('has the members of plugin.json, and says which are required', () => {
    const rows = table('Launch', 'member');
    const { properties, required: names } = manifestSchema as unknown as {
      properties: Record<string, object>;
      required: string[];
    };
    expect(sorted(codesIn(rows, 'member'))).toEqual(sorted(Object.keys(properties)));
    const required = rows.filter((row) => row['value']?.startsWith('required'));
    expect(sorted(codesIn(required, 'member'))).toEqual(sorted(names));
    const timeout = rows.find((row) => row['member'] === '`start_timeout_secs`')?.['value'];
    expect(timeout).toContain(`at most ${boundsOf(properties['start_timeout_secs']!).maximum}.`);
  });

  it('names the variables that no configuration may set', () => {
    const [row] = table('Launch', 'variable').filter((one) => one['variable'] === '`config.env`');
    const [words, beginnings] = (row?.['value'] ?? '').split('what begins with').map(codeSpans);
    expect(words).toEqual([
      'PATH',
      'NODE_OPTIONS',
      'NODE_PATH',
      'SHELLOPTS',
      'PS4',
      'OPENSSL_CONF',
      'NODE_COMPILE_CACHE',
      'GLIBC_TUNABLES',
      'GCONV_PATH',
      'LOCPATH',
      'NLSPATH',
    ]);
    expect(beginnings).toEqual(['BKG_', 'LD_', 'DYLD_', 'PYTHON', 'BASH']);
    for (const word of words!)
      expect([isForbiddenEnv(word), isForbiddenEnv(`${word}X`)]).toEqual([true, false]);
    for (const beginning of beginnings!) expect(isForbiddenEnv(`${beginning}X`)).toBe(true);
  });
});

describe('the buckets in PROTOCOL.md', () => {
  it('are those of the code', () => {
    expect(sorted(codesIn(table('Desired state and control', 'bucket'), 'bucket'))).toEqual(
      sorted(Object.values(buckets)),
    );
    const lease = table('Desired state and control', 'bucket').find(
      (row) => row['bucket'] === `\`${buckets.lease}\``,
    );
    expect(codeSpans(lease?.['key'] ?? '')).toEqual([leaseKey]);
    expect(section('Desired state and control')).toContain(`${leaseStaleMs / 1_000} s`);
  });
});

describe('the settings in PROTOCOL.md', () => {
  it('are those that the programs read', () => {
    const root = path.resolve(import.meta.dirname, '../../../..');
    const sources = ['plugins', 'services'].flatMap((folder) =>
      readdirSync(path.join(root, folder)).flatMap((part) => sourcesIn(path.join(root, folder, part, 'src'))),
    );
    expect(sources.length).toBeGreaterThan(20);
    const read = sources.flatMap(
      (file) => readFileSync(file, 'utf8').match(/\bBKG_[A-Z][A-Z_]*[A-Z]\b/g) ?? [],
    );
    const told = [
      ...codesIn(table('Settings', 'setting'), 'setting'),
      ...codesIn(table('Launch', 'variable'), 'variable'),
    ];
    expect(sorted(told.filter((name) => name.startsWith('BKG_')))).toEqual(sorted(read));
  });
});

/** The bounds that a schema of a number has. */
function boundsOf(schema: object) {
  return schema as { minimum?: number; maximum?: number; exclusiveMinimum?: number };
}

/** The TypeScript below a folder; none when there is no such folder. */
function sourcesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => path.join(folder, file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

import type { CommandSpec, OptionSpec } from './command.ts';

const none = { least: 0, most: 0 };
const one = { least: 1, most: 1 };

const json: OptionSpec = { text: 'what the gateway says, as it is' };
const owner: OptionSpec = { value: '<text>', text: 'whose it is: a person, a team, a program' };
const scope: OptionSpec = {
  value: '<scope>',
  multiple: true,
  text: 'what it may: read, control:candle, invoke:candle:model.* …',
};
const role: OptionSpec = {
  value: '<role>',
  multiple: true,
  text: 'the scopes of a role; `bkg keys roles` lists them',
};
const rate: OptionSpec = { value: '<n>', text: 'invocations a second, on the long run' };
const burst: OptionSpec = { value: '<n>', text: 'how many of them may come at once  [as many as --rate]' };
const broker: OptionSpec = { text: 'it may connect to the broker, too' };

const scopes = `A scope is <verb>[:<plugin>[:<capability>]]; the verbs are read, invoke, control, serve and admin. A
part that is not given is everything; a capability may end with .* after its first parts.`;

/** What API keys are made and looked after with. @param url the option of every command that asks the gateway */
export function keyCommands(url: OptionSpec): Readonly<Record<string, CommandSpec>> {
  return {
    keys: {
      summary: 'which API keys there are',
      usage: '[list] [options]',
      words: { least: 0, most: 1 },
      options: { url, json },
      load: () => import('./commands/keys.ts'),
    },
    'keys show': {
      summary: 'all about one key; without a prefix about the one that is used',
      usage: '[<prefix>] [options]',
      words: { least: 0, most: 1 },
      options: { url, json },
      load: () => import('./commands/keys-show.ts'),
    },
    'keys create': {
      summary: 'make a key, and print it this once',
      usage: '--name <text> [options]',
      words: none,
      options: {
        name: { value: '<text>', text: 'what it is for' },
        owner,
        scope,
        role,
        expires: {
          value: '<when>',
          text: 'a span such as 90d, or a time such as 2027-01-31T00:00:00Z  [never]',
        },
        rate,
        burst,
        broker,
        json: { text: 'what the gateway says, the secret included' },
        url,
      },
      notes: `The key alone goes to standard output, so that it can be put where it is needed without being seen:
bkg keys create --name ci --scope invoke:candle > ci.key
What else there is to say goes to standard error.

${scopes}`,
      load: () => import('./commands/keys-create.ts'),
    },
    'keys update': {
      summary: 'change what a key may, how long and how often',
      usage: '<prefix> [options]',
      words: one,
      options: {
        name: { value: '<text>', text: 'what it is for' },
        owner: { ...owner, text: `${owner.text}; "" takes it away` },
        scope: { ...scope, text: 'what it may from now on, instead of what it might' },
        'no-scopes': { text: 'takes all its scopes away; those of its roles stay' },
        role: { ...role, text: 'its roles from now on, instead of those it had' },
        'no-roles': { text: 'takes all its roles away' },
        expires: {
          value: '<when>',
          text: 'a span such as 90d, a time such as 2027-01-31T00:00:00Z, or never',
        },
        rate,
        burst,
        'no-limits': { text: 'it may as often as it likes' },
        broker,
        'no-broker': { text: 'it may not connect to the broker any more' },
        json,
        url,
      },
      notes: scopes,
      load: () => import('./commands/keys-update.ts'),
    },
    'keys rotate': {
      summary: 'give a key another secret, and print it this once',
      usage: '<prefix> [options]',
      words: one,
      options: {
        grace: { value: '<span>', text: 'how long the old secret still does: 0s, 90m, 12h, up to 30d  [1h]' },
        json: { text: 'what the gateway says, the secret included' },
        url,
      },
      notes: `The key alone goes to standard output. When it is that in admin.key of BKG_HOME, the file gets it.`,
      load: () => import('./commands/keys-rotate.ts'),
    },
    'keys revoke': {
      summary: 'end a key for good; what it has open is closed',
      usage: '<prefix> [options]',
      words: one,
      options: { json, url },
      load: () => import('./commands/keys-revoke.ts'),
    },
    'keys roles': {
      summary: 'which roles there are, and the scopes they stand for',
      usage: '[options]',
      words: none,
      options: { json, url },
      load: () => import('./commands/keys-roles.ts'),
    },
    'keys sign-in': {
      summary: 'print a link that signs a browser in, once, with the key that is used',
      usage: '[options]',
      words: none,
      options: { url },
      load: () => import('./commands/keys-sign-in.ts'),
    },
    audit: {
      summary: 'who has done what, or was refused: the newest first',
      usage: '[options]',
      words: none,
      options: {
        lines: { short: 'n', value: '<n>', text: 'how many  [100, at most 1000]' },
        who: { value: '<prefix>', text: 'only of this key; bkg is the mesh itself, ? is nobody known' },
        action: {
          value: '<action>',
          text: 'only this, such as key.create; one that ends with a dot: all such',
        },
        before: { value: '<seq>', text: 'those older than the event of this number' },
        json,
        url,
      },
      load: () => import('./commands/audit.ts'),
    },
  };
}

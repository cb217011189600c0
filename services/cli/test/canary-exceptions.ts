import type { Exception } from './canary-mesh.ts';

/** Where a secret has to be for it to be of any use. */
export const exceptions: readonly Exception[] = [
  {
    why: 'nats-server tells of a client that was refused what it calls itself; only the supervisor may hear it',
    subject: /^\$SYS\.ACCOUNT\.CLIENT\.AUTH\.ERR$/,
    secrets: /^(?!payload|value of env)/,
  },
  {
    why: 'nats-server asks who shows this, and only the supervisor and apikeys hear the question',
    subject: /^\$SYS\.REQ\.USER\.AUTH$/,
    secrets: /^(?!payload|value of env)/,
  },
  {
    why: 'the order itself, from the gateway to the supervisor',
    subject: /^bkg\.control\.configure\.blabber\.by\./,
    secrets: /^value of env/,
  },
  {
    why: 'what the supervisor keeps for the plugin’s next process, in its own bucket',
    subject: /^\$KV\.bkg_desired\.config\.blabber$/,
    secrets: /^value of env/,
  },
  {
    why: 'the same as it is read by the supervisor, from its own bucket',
    subject: /^(?:reply to \$JS\.API\.(?:DIRECT|STREAM\.MSG)\.GET\.KV_bkg_desired|_CORE\.supervisor\.)/,
    secrets: /^value of env/,
  },
  {
    why: 'a key is shown to whoever has made it, once',
    subject: /^reply to plugin\.apikeys\.invoke\.key\.(?:create|rotate)$/,
    secrets: /key/,
  },
  {
    why: 'a session goes to the gateway, which makes the cookie of it',
    subject: /^reply to plugin\.apikeys\.invoke\.session\.create$/,
    secrets: /^session/,
  },
  {
    why: 'a ticket is shown to whoever has made it, once',
    subject: /^reply to plugin\.apikeys\.invoke\.ticket\.create$/,
    secrets: /^ticket/,
  },
  {
    why: 'what somebody puts where it does not belong comes to who has to refuse it',
    subject:
      /^(?:bkg\.control\.\w+\.\w+\.by\.\w+|plugin\.apikeys\.invoke\.(?:key\.create|role\.put)|plugin\.blabber\.invoke\.)/,
    secrets: /^(?!payload)/,
  },
  {
    why: 'an invocation holds what it is about',
    subject: /^(?:reply to )?plugin\.blabber\.invoke\./,
    secrets: /^payload/,
  },
];

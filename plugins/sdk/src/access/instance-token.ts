import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { isRecord } from '../protocol/is-record.ts';
import { needPattern, parseNeeds } from '../protocol/manifest.ts';
import { isPluginId, isSubjectToken } from '../protocol/names.ts';
import type { InstanceIdentity } from '../protocol/permissions.ts';
import { decodeSeed } from './nkey.ts';

const beginning = 'bkgi_';
const purpose = 'bkg instance token 1';

/**
 * What an instance shows to the broker as its password: who it is and what it needs, signed. Whoever has the seed can
 * check it alone, and so a supervisor brings all plugins back while everything else is away.
 */
export function createInstanceToken(
  issuerSeed: string,
  { plugin, instance, needs }: InstanceIdentity,
): string {
  const claims = { plugin, instance, needs: needs.map((one) => `${one.plugin}:${one.capability}`) };
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${beginning}${payload}.${mac(issuerSeed, payload).toString('base64url')}`;
}

/** Whether a text is meant as a token of an instance; says nothing of who has made it. */
export function isInstanceToken(text: string): boolean {
  return text.startsWith(beginning);
}

/** @returns undefined for anything that was not made with this seed */
export function readInstanceToken(issuerSeed: string, text: string): InstanceIdentity | undefined {
  if (!isInstanceToken(text)) return undefined;
  const [payload = '', given = '', ...rest] = text.slice(beginning.length).split('.');
  if (rest.length > 0) return undefined;
  const [expected, shown] = [mac(issuerSeed, payload), Buffer.from(given, 'base64url')];
  // Not the text: several stand for the same bytes.
  if (shown.length !== expected.length || !timingSafeEqual(shown, expected)) return undefined;
  return readClaims(payload);
}

/** How the broker knows it, and how it calls itself there. */
export function instanceName({ plugin, instance }: Pick<InstanceIdentity, 'plugin' | 'instance'>): string {
  return `${plugin}.${instance}`;
}

/** Signed by us, but perhaps by another version of us. */
function readClaims(payload: string): InstanceIdentity | undefined {
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown;
  if (!isRecord(claims)) return undefined;
  const { plugin, instance, needs } = claims;
  if (typeof plugin !== 'string' || !isPluginId(plugin)) return undefined;
  if (typeof instance !== 'string' || !isSubjectToken(instance)) return undefined;
  if (!Array.isArray(needs) || !needs.every(isNeed)) return undefined;
  return { plugin, instance, needs: parseNeeds(needs) };
}

function isNeed(value: unknown): value is string {
  return typeof value === 'string' && needPattern.test(value);
}

/** Not with the seed itself: what signs for the broker signs nothing else. */
function mac(issuerSeed: string, payload: string): Buffer {
  const key = hkdfSync('sha256', decodeSeed(issuerSeed, 'account'), '', purpose, 32);
  return createHmac('sha256', Buffer.from(key)).update(payload).digest();
}

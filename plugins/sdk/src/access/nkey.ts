/**
 * Keys of nats-server ("nkeys"): ed25519, as text in base32 with a letter for whose key it is and a checksum. By
 * node:crypto alone, which signs ten times as fast as the library for them.
 * Source: https://github.com/nats-io/nkeys, strkey.go
 */
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { decodeBase32, encodeBase32 } from './base32.ts';

/** The first byte of a public key, which makes its first letter. */
const roleBytes = { account: 0, server: 13 << 3, user: 20 << 3 } as const;
export type NkeyRole = keyof typeof roleBytes;

const letters = { account: 'A', server: 'N', user: 'U' } as const satisfies Record<NkeyRole, string>;
const seedByte = 18 << 3;
const keyBytes = 32;

/** What stands before the 32 bytes of a key where OpenSSL reads it. */
const privateDer = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicDer = Buffer.from('302a300506032b6570032100', 'hex');

export interface Nkey {
  /** `A…` of an account. */
  publicKey: string;
  sign: (text: string) => Buffer;
}

/** A new seed of an account, `SA…`: a secret. */
export function createAccountSeed(): string {
  return encodeSeed(randomBytes(keyBytes), 'account');
}

/** @param bytes 32 of them @returns `S`, the letter of the role and the rest */
export function encodeSeed(bytes: Uint8Array, role: NkeyRole): string {
  const roleByte = roleBytes[role];
  return encodeChecked(Buffer.from([seedByte | (roleByte >> 5), (roleByte & 31) << 3, ...bytes]));
}

/** @returns the 32 bytes @throws Error that does not repeat what was given */
export function decodeSeed(seed: string, role: NkeyRole): Buffer {
  const decoded = decodeChecked(seed);
  const roleByte = roleBytes[role];
  const isSeed =
    decoded?.length === keyBytes + 2 &&
    decoded[0] === (seedByte | (roleByte >> 5)) &&
    decoded[1] === (roleByte & 31) << 3;
  if (!isSeed)
    throw new Error(
      `This is no seed of ${role === 'user' ? 'a' : 'an'} ${role}, as nkeys write it: S${letters[role]}… with its checksum.`,
    );
  return decoded.subarray(2);
}

/** The key pair of a seed. @throws Error that does not repeat what was given */
export function readNkey(seed: string, role: NkeyRole = 'account'): Nkey {
  const key = createPrivateKey({
    key: Buffer.concat([privateDer, decodeSeed(seed, role)]),
    format: 'der',
    type: 'pkcs8',
  });
  const bytes = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-keyBytes);
  return {
    publicKey: encodeChecked(Buffer.from([roleBytes[role], ...bytes])),
    sign: (text) => sign(null, Buffer.from(text), key),
  };
}

export function isPublicNkey(text: string, role: NkeyRole): boolean {
  return publicBytes(text, role) !== undefined;
}

/** Whether the owner of a public key has signed a text; false for what is no such key. */
export function isSignedBy(publicKey: string, role: NkeyRole, text: string, signature: Uint8Array): boolean {
  const bytes = publicBytes(publicKey, role);
  return bytes !== undefined && verify(null, Buffer.from(text), publicKeyObject(bytes), signature);
}

function publicBytes(text: string, role: NkeyRole): Buffer | undefined {
  const decoded = decodeChecked(text);
  if (decoded?.length !== keyBytes + 1 || decoded[0] !== roleBytes[role]) return undefined;
  return decoded.subarray(1);
}

function publicKeyObject(bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicDer, bytes]), format: 'der', type: 'spki' });
}

function encodeChecked(bytes: Buffer): string {
  const sum = crc16(bytes);
  return encodeBase32(Buffer.from([...bytes, sum & 255, sum >> 8]));
}

function decodeChecked(text: string): Buffer | undefined {
  const bytes = decodeBase32(text);
  if (!bytes || bytes.length < 3) return undefined;
  const content = bytes.subarray(0, -2);
  return bytes.readUInt16LE(content.length) === crc16(content) ? content : undefined;
}

/** XMODEM's. */
function crc16(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 8;
    for (let i = 0; i < 8; i += 1) sum = (sum & 0x8000 ? (sum << 1) ^ 0x1021 : sum << 1) & 0xffff;
  }
  return sum;
}

import type {
  ApiKey,
  AuditList,
  AuditQuery,
  KeyChange,
  KeyOrder,
  NewKey,
  Role,
  RoleOrder,
  RotateOrder,
} from '@bkg/sdk/protocol';
import type { CallOptions } from '../plugins.ts';
import { requestDone, requestJson } from '../request.ts';

const timeoutMs = 10_000;
/** Longer than the gateway itself waits: of a key that was made the secret comes only once. */
const changeMs = 15_000;
const keyPath = (prefix: string) => `/api/keys/${encodeURIComponent(prefix)}`;
const rolePath = (name: string) => `/api/roles/${encodeURIComponent(name)}`;
const bodyOf = (order: object) => JSON.stringify(order);

export function listKeys(options: CallOptions = {}): Promise<ApiKey[]> {
  return requestJson('/api/keys', { ...options, timeoutMs });
}

export function getKey(prefix: string): Promise<ApiKey> {
  return requestJson(keyPath(prefix), { timeoutMs });
}

/** The answer is the only one that has the secret. */
export function createKey(order: KeyOrder): Promise<NewKey> {
  return requestJson('/api/keys', { method: 'POST', body: bodyOf(order), timeoutMs: changeMs });
}

/** @throws ProblemError with status 409 when it was changed meanwhile, or is the last one of an admin */
export function changeKey(prefix: string, change: KeyChange): Promise<ApiKey> {
  return requestJson(keyPath(prefix), { method: 'PATCH', body: bodyOf(change), timeoutMs: changeMs });
}

export function rotateKey(prefix: string, order: RotateOrder): Promise<NewKey> {
  const path = `${keyPath(prefix)}/rotate`;
  return requestJson(path, { method: 'POST', body: bodyOf(order), timeoutMs: changeMs });
}

export function revokeKey(prefix: string): Promise<ApiKey> {
  return requestJson(keyPath(prefix), { method: 'DELETE', timeoutMs: changeMs });
}

export function listRoles(options: CallOptions = {}): Promise<Role[]> {
  return requestJson('/api/roles', { ...options, timeoutMs });
}

export function putRole(name: string, order: RoleOrder): Promise<Role> {
  return requestJson(rolePath(name), { method: 'PUT', body: bodyOf(order), timeoutMs: changeMs });
}

export function deleteRole(name: string): Promise<void> {
  return requestDone(rolePath(name), { method: 'DELETE', timeoutMs: changeMs });
}

/** The newest first. */
export function listAudit(query: AuditQuery, options: CallOptions = {}): Promise<AuditList> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return requestJson(`/api/audit?${search}`, { ...options, timeoutMs });
}

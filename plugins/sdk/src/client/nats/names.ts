import { isCapabilityId, isSubjectToken, pluginIdProblem } from '../../protocol/names.ts';
import { failure } from '../failure.ts';
import type { Target } from '../invoke.ts';

/** What becomes part of a subject or a header: nothing passes that could name another. @throws InvocationError */
export function assertNames({ plugin, capability, options: { invocationId } }: Target): void {
  const why = pluginIdProblem(plugin);
  if (why) throw failure('PLUGIN_NOT_FOUND', `There is no such plugin: ${why}`);
  if (!isCapabilityId(capability)) {
    throw failure(
      'CAPABILITY_NOT_FOUND',
      `"${capability.slice(0, 64)}" is no capability id: it takes parts of a-z, 0-9, "_" and "-" between dots, at most 64 characters.`,
    );
  }
  if (invocationId === undefined || isSubjectToken(invocationId)) return;
  throw failure(
    'INVALID_PAYLOAD',
    `The invocation id is "${invocationId.slice(0, 128)}"; it takes 1 to 128 characters of A-Z, a-z, 0-9, "_" and "-".`,
  );
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import { uploadMostMbDefault } from '@bkg/sdk';
import type { PluginConfig } from '@bkg/sdk';
import { hasBody } from '../http/bodies.ts';
import { PipedBody } from '../http/piped-body.ts';
import type { BodyLimit } from '../http/read-body.ts';

/**
 * The body of a request to a capability that takes uploads, when it is none that one message holds: one that is larger, or
 * of which nobody says how large it is.
 * @throws BkgError PAYLOAD_TOO_LARGE when it is more than the plugin takes
 */
export function uploadOf(
  request: FastifyRequest,
  reply: FastifyReply,
  { mostBytes }: BodyLimit,
  { id, limits }: PluginConfig,
  stallMs: number | undefined,
): PipedBody | undefined {
  const declared = request.raw.headers['content-length'];
  if (!hasBody(request.raw) || Number(declared) <= mostBytes) return undefined;
  const mostMb = limits.max_upload_mb ?? uploadMostMbDefault;
  return new PipedBody(request, reply, {
    limit: {
      mostBytes: mostMb * 1024 * 1024,
      remedy: `That is limits.max_upload_mb of ${id}: send less, or raise it with POST /api/plugins/${id}/config.`,
    },
    ...(stallMs !== undefined && { stallMs }),
  });
}

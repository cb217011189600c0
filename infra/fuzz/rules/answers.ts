import type { HttpAnswer } from '../ways/http-answer.ts';
import { problemFlaws, shapeOf } from './problems.ts';
import type { ProblemOptions } from './problems.ts';

/** Not of what Node's parser refused: no hook has run for it. */
const safety = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };
const failure = 400;

/** What is wrong with an answer of the gateway, whatever was asked. @param secrets what no failure may have in it */
export function answerFlaws(
  { status, headers, body, isHead, isComplete }: HttpAnswer,
  secrets: readonly string[],
  options: ProblemOptions = {},
): string[] {
  const flaws: string[] = [];
  const valueOf = (name: string): string | undefined => headers.find(([one]) => one === name)?.[1];
  if (valueOf('x-injected') !== undefined)
    flaws.push('a header that the client has made up stands in the answer');
  // What a plugin was sent it may send back.
  if (status < failure) return flaws;
  if (secrets.some((secret) => body.includes(secret) || headers.some(([, value]) => value.includes(secret))))
    flaws.push(`an answer ${status} repeats a key`);
  for (const [name, value] of Object.entries(safety))
    if (valueOf(name) !== value)
      flaws.push(`an answer ${status} has "${name}: ${valueOf(name) ?? 'nothing'}"`);
  // Of bytes that were changed nobody knows whether they asked for HEAD; it has no body, and all its headers.
  if (isHead || (body === '' && !isComplete)) return flaws;
  const problem = parse(body);
  flaws.push(...problemFlaws(problem, options));
  if (valueOf('content-type') !== 'application/problem+json')
    flaws.push(`an answer ${status} is ${valueOf('content-type') ?? 'nothing'}`);
  const inBody = (Object(problem) as { status?: unknown }).status;
  if (inBody !== undefined && inBody !== status)
    flaws.push(`an answer ${status} says in its body that it is ${String(inBody)}`);
  return flaws;
}

/** What is the same for all answers of a kind. */
export function outcomeOf({ status, headers, body, isComplete }: HttpAnswer): string {
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
  const { code, detail } = Object(status >= failure ? parse(body) : {}) as {
    code?: unknown;
    detail?: unknown;
  };
  const why = typeof detail === 'string' ? ` ${String(code)} ${shapeOf(detail)}` : '';
  return `${status} ${type.split(';')[0]}${isComplete ? '' : ' (cut)'}${why}`;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(Buffer.from(body, 'latin1').toString());
  } catch {
    // The rule says that it is none.
    return body;
  }
}

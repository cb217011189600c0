import { describe, expect, it } from 'vitest';
import { Model } from './reconcile-model.ts';
import type { Course } from './reconcile-model.ts';

/** @returns the first that went wrong in each course: what, and how it came to it */
function problems(
  course: Omit<Course, 'seed'>,
  check: (model: Model) => string | undefined,
  withinSeconds: number,
): string[] {
  const found: string[] = [];
  for (let seed = 1; seed <= 1_000 && found.length < 3; seed += 1) {
    const model = new Model({ ...course, seed });
    let problem: string | undefined;
    while (problem === undefined && model.seconds < withinSeconds) {
      model.step();
      problem = check(model);
      if (problem === undefined && model.isSettled && model.seconds > course.troubleUntil) break;
    }
    if (!model.isSettled) problem ??= `not settled within ${withinSeconds} s`;
    if (problem !== undefined) found.push(`${problem}: ${model.toString()}`);
  }
  return found;
}

describe('a replacement, from a thousand beginnings, step by step, with a supervisor that pauses and is replaced', () => {
  const tooMany = (model: Model): string | undefined =>
    model.processesThatStay > model.most ? 'too many processes' : undefined;

  it('ends with as many new ones as are wanted, and meanwhile as many serve as before', () => {
    const check = (model: Model): string | undefined =>
      model.inService < Math.min(model.startedWith, model.instances) ? 'too few serve' : tooMany(model);
    expect(problems({ troubleUntil: 0, singleWriter: false }, check, 200)).toEqual([]);
  });

  it('also ends when instances crash, hang, fall silent and fail their trials for two minutes', () => {
    expect(problems({ troubleUntil: 120, singleWriter: false }, tooMany, 450)).toEqual([]);
  });

  it('of a single writer ends too, and never has two processes', () => {
    const check = (model: Model): string | undefined =>
      model.processes > 1 ? 'more than one process' : undefined;
    expect(problems({ troubleUntil: 0, singleWriter: true }, check, 100)).toEqual([]);
    expect(problems({ troubleUntil: 120, singleWriter: true }, check, 350)).toEqual([]);
  });
});

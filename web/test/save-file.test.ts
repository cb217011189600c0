import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { refusals } from '../src/lib/access/refusals.ts';
import { isAsChosen } from '../src/lib/bytes/file-check.ts';
import { saveAnswer, type FileToWrite } from '../src/lib/bytes/save-file.ts';
import { NotSentError } from '../src/lib/request.ts';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  cleanUps.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/plugins/media/invoke/file`;
}

const options = () => ({
  body: '{}',
  contentType: 'application/json',
  signal: new AbortController().signal,
  timeoutMs: 10_000,
  onBytes: () => undefined,
});

function fileOf(sink: UnderlyingSink<Uint8Array>): FileToWrite {
  return { name: 'answer.bin', createWritable: () => Promise.resolve(new WritableStream(sink)) };
}

describe('an answer into a file', () => {
  it('is not asked for when the file cannot be written', async () => {
    const asked = vi.fn<RequestListener>();
    const path = await serve(asked);
    const createWritable = () =>
      Promise.reject(new DOMException('It is locked.', 'NoModificationAllowedError'));
    const saved = saveAnswer(path, { name: 'answer.bin', createWritable }, options());
    await expect(saved).rejects.toThrow(new NotSentError('answer.bin cannot be written: It is locked.'));
    expect(asked).not.toHaveBeenCalled();
  });

  it('is let go of when the file takes no more', async () => {
    const ended = Promise.withResolvers<void>();
    const path = await serve((request, answer) => {
      request.socket.once('close', () => ended.resolve());
      answer.writeHead(200).write('some of it');
    });
    const full = fileOf({
      write: () => Promise.reject(new DOMException('It is full.', 'QuotaExceededError')),
    });
    await expect(saveAnswer(path, full, options())).rejects.toThrow('It is full.');
    await ended.promise;
  });

  it('that is a refusal is told to who looks after the session, and is not in the file', async () => {
    const path = await serve((_, answer) => {
      answer.writeHead(403, { 'content-type': 'application/problem+json' });
      answer.end('{"code": "FORBIDDEN", "detail": "Not you."}');
    });
    const told = vi.fn();
    cleanUps.push(refusals.on(told));
    const abort = vi.fn();
    const write = vi.fn();
    await expect(saveAnswer(path, fileOf({ write, abort }), options())).rejects.toThrow('Not you.');
    expect(told).toHaveBeenCalledOnce();
    expect(abort).toHaveBeenCalledOnce();
    expect(write).not.toHaveBeenCalled();
  });
});

it('a chosen file is not as it was when it has changed, or is gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bkg-chosen-'));
  const path = join(folder, 'a.txt');
  await writeFile(path, 'one');
  const file = (await openAsBlob(path)) as File;
  expect(await isAsChosen(file)).toBe(true);
  await writeFile(path, 'another');
  expect(await isAsChosen(file)).toBe(false);
  await rm(folder, { recursive: true });
  expect(await isAsChosen(file)).toBe(false);
  expect(await isAsChosen(new File([], 'empty.txt'))).toBe(true);
});

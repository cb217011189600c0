import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { writeAnswer } from '../src/answer.ts';
import type { Gateway } from '../src/gateway.ts';
import { contentTypeOf } from '../src/media-types.ts';
import { Progress, progressText } from '../src/progress.ts';
import { bkg, startBkg } from './bkg.ts';
import { listening } from './listening.ts';

/** `bkg invoke` with bytes and streams, told to a server that answers what the test wants. */
let folder: string;
beforeAll(() => void (folder = mkdtempSync(path.join(tmpdir(), 'bkg-invoke-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(path.join(folder, name), content);
  return path.join(folder, name);
};

interface Seen {
  headers: IncomingMessage['headers'];
  bytes: number;
  sha256: string;
}

async function seenOf(request: IncomingMessage): Promise<Seen> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { headers: request.headers, bytes, sha256: hash.digest('hex') };
}

const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

const invoke = (url: string, ...args: string[]) => ['invoke', 'p', 'c', '--url', url, ...args];

const problem = (code: string, status: number) =>
  JSON.stringify({ type: 't', title: 'T', status, detail: 'It says no.', code, retryable: false });

function refuse(response: ServerResponse, code: string, status: number): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(problem(code, status));
}

describe('the content type of a payload', () => {
  it.each([
    [undefined, 'a.PNG', 'image/png'],
    [undefined, 'a.jpg', 'image/jpeg'],
    [undefined, 'a.wav', 'audio/wav'],
    [undefined, 'a.mp3', 'audio/mpeg'],
    [undefined, 'a.txt', 'text/plain; charset=utf-8'],
    [undefined, 'a.bin', 'application/octet-stream'],
    [undefined, 'a.json', 'application/json'],
    [undefined, 'payload', 'application/json'],
    [undefined, undefined, 'application/json'],
    ['audio/flac', 'a.png', 'audio/flac'],
  ])('said as %s, of the file %s, is %s', (said, name, type) => {
    expect(contentTypeOf(said, name)).toBe(type);
  });
});

describe('a file', () => {
  it('is sent as it is, with its length and type, and what comes back is written into another', async () => {
    const picture = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i * 31));
    let seen: Seen | undefined;
    await using server = await listening((request, response) => {
      void seenOf(request).then((one) => {
        seen = one;
        response.writeHead(200, { 'content-type': 'image/png' }).end(picture.subarray(1));
      });
    });
    const into = path.join(folder, 'small.png');
    const outcome = await bkg(invoke(server.url, '-f', file('large.png', picture), '-o', into));
    expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(seen).toMatchObject({ bytes: picture.length, sha256: sha256(picture) });
    expect(seen?.headers).toMatchObject({ 'content-type': 'image/png', 'content-length': '3000000' });
    expect(sha256(readFileSync(into))).toBe(sha256(picture.subarray(1)));
  });

  it('is piped, not collected: one of 300 MB, and from standard input, of a length that nobody knows', async () => {
    const seen: Seen[] = [];
    let peakMb = 0;
    await using server = await listening((request, response) => {
      void seenOf(request).then((one) => {
        seen.push(one);
        response.end('{}');
      });
    });
    const big = file('big.bin', '');
    truncateSync(big, 300 * 1024 * 1024);
    const { child, ended } = startBkg(invoke(server.url, '-f', big));
    const watch = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        peakMb = Math.max(peakMb, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      } catch {
        // It has ended.
      }
    }, 20);
    expect(await ended).toMatchObject({ code: 0, stdout: '{}' });
    clearInterval(watch);
    expect(seen[0]?.bytes).toBe(300 * 1024 * 1024);
    expect(peakMb).toBeGreaterThan(20);
    expect(peakMb).toBeLessThan(200);

    const sound = 'RIFF'.repeat(100_000);
    const piped = await bkg(invoke(server.url, '-', '-c', 'audio/wav'), { input: sound });
    expect(piped).toMatchObject({ code: 0, stdout: '{}' });
    expect(seen[1]).toMatchObject({ bytes: 400_000, sha256: sha256(Buffer.from(sound)) });
    expect(seen[1]?.headers).toMatchObject({ 'transfer-encoding': 'chunked', 'content-type': 'audio/wav' });
  }, 60_000);

  it('is not sent to its end when it is refused, and the refusal is told', async () => {
    await using server = await listening((request, response) => {
      // It reads on, as the gateway does for a while: to close the connection would reset it, and the answer with it.
      request.once('data', () => {
        const body = problem('PAYLOAD_TOO_LARGE', 413);
        const headers = { 'content-type': 'application/problem+json', 'content-length': body.length };
        response.writeHead(413, headers).write(body);
      });
      request.once('close', () => response.end());
    });
    const { child, ended } = startBkg(invoke(server.url, '-', '-c', 'image/png'), { input: null });
    const more = setInterval(() => child.stdin?.write('x'.repeat(100_000)), 20);
    const { code, stderr } = await ended;
    clearInterval(more);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^bkg: PAYLOAD_TOO_LARGE \(413\): It says no\./),
    ]);
  });

  it('may be answered while it is still sent', async () => {
    await using server = await listening((request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      request.pipe(response);
    });
    const { child, printed, ended } = startBkg(invoke(server.url, '-', '-c', 'text/plain'), { input: null });
    child.stdin?.write('one');
    await eventually(() => printed.stdout === 'one');
    child.stdin?.end(' two');
    expect(await ended).toEqual({ code: 0, stdout: 'one two', stderr: '' });
  });
});

describe('--output', () => {
  it('leaves what was there when the invocation fails, at once or in its middle, and no half of a file', async () => {
    await using server = await listening((request, response) => {
      if (request.headers['content-type'] === 'text/plain') return refuse(response, 'P_NO', 422);
      response.writeHead(200, { 'content-type': 'image/png' }).write('half');
      setTimeout(() => response.destroy(), 50);
    });
    const kept = mkdtempSync(path.join(folder, 'kept-'));
    writeFileSync(path.join(kept, 'a.png'), 'old');
    for (const [type, code, stderr] of [
      ['text/plain', 3, /^bkg: P_NO \(422\)/],
      ['image/png', 3, /^bkg: The answer was cut off after 4 bytes: the invocation failed/],
    ] as const) {
      const outcome = await bkg(invoke(server.url, 'x', '-c', type, '-o', path.join(kept, 'a.png')));
      expect(outcome.code).toBe(code);
      expect(outcome.stderr).toMatch(stderr);
      expect(readdirSync(kept)).toEqual(['a.png']);
      expect(readFileSync(path.join(kept, 'a.png'), 'utf8')).toBe('old');
    }
  });

  it('is not asked for in vain: a folder, or a place that does not exist, is told before anything is sent', async () => {
    let requests = 0;
    await using server = await listening((_, response) => {
      requests += 1;
      response.end('{}');
    });
    for (const into of [folder, path.join(folder, 'nowhere/a.png')]) {
      const { code, stderr } = await bkg(invoke(server.url, '-o', into));
      expect(code).not.toBe(0);
      expect(stderr).toContain('--output');
    }
    expect(requests).toBe(0);
  });

  it.each(['', 'new/'])('takes no name of a folder that is to be: "%s"', async (into) => {
    const { code, stderr } = await bkg(invoke('http://127.0.0.1:1', '-o', into));
    expect([code, stderr]).toEqual([2, expect.stringContaining('--output takes the name of a file')]);
  });

  it('writes through a link, and leaves the permissions of what it replaces', async () => {
    await using server = await listening((_, response) => response.end('new'));
    const [own, link] = [file('own.txt', 'old'), path.join(folder, 'link.txt')];
    chmodSync(own, 0o600);
    symlinkSync(own, link);
    expect(await bkg(invoke(server.url, '-o', link))).toMatchObject({ code: 0 });
    expect([readFileSync(own, 'utf8'), statSync(own).mode & 0o777]).toEqual(['new', 0o600]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it('keeps an answer that cannot be put in its place, and says where', async () => {
    const into = path.join(mkdtempSync(path.join(folder, 'taken-')), 'a.png');
    await using server = await listening((_, response) => {
      mkdirSync(into);
      response.end('all of it');
    });
    const { code, stderr } = await bkg(invoke(server.url, '-o', into));
    expect([code, stderr]).toEqual([3, expect.stringContaining('all of the answer is in')]);
    const kept = / is in (\S+)\.\n/.exec(stderr)?.[1] ?? '';
    expect(readFileSync(kept, 'utf8')).toBe('all of it');
  });

  it('writes to a device, and does not replace it', async () => {
    await using server = await listening((_, response) => response.end('{"a":1}'));
    const outcome = await bkg(invoke(server.url, '-o', '/dev/null'));
    expect(outcome).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });
});

describe('whether the plugin may have carried it out', () => {
  const answered = (status: number, code: string, retryable: boolean) =>
    listening((_, response) => {
      const body = JSON.stringify({ type: 't', title: 'T', status, detail: 'No.', code, retryable });
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(body);
    });

  it.each([
    ['nobody has got it', true, 1],
    ['it passes on what it was told by another plugin', false, 3],
  ])('is said by the exit code: %s', async (_, retryable, expected) => {
    await using server = await answered(503, 'PLUGIN_UNAVAILABLE', retryable);
    expect((await bkg(invoke(server.url))).code).toBe(expected);
  });

  it('is said when the gateway has taken it and is gone', async () => {
    await using server = await listening((request) => request.socket.destroy());
    const { code, stderr } = await bkg(invoke(server.url));
    expect([code, stderr]).toEqual([3, expect.stringContaining('only if it may be carried out twice')]);
  });
});

describe('a file that is none of a disk', () => {
  it('that the system makes up as it is read is sent as a whole, although its size is 0', async () => {
    let seen: Seen | undefined;
    await using server = await listening((request, response) => {
      void seenOf(request).then((one) => {
        seen = one;
        response.end('{}');
      });
    });
    await bkg(invoke(server.url, '-c', 'text/plain', '-f', '/proc/version'));
    expect(seen?.sha256).toBe(sha256(readFileSync('/proc/version')));
  });

  it.each(['application/json', 'image/png'])(
    'as a pipe that nobody writes to does not keep it from ending at Ctrl-C: %s',
    async (type) => {
      await using server = await listening((_, response) => response.end('{}'));
      const pipe = path.join(folder, `pipe-${type.length}`);
      execFileSync('mkfifo', [pipe]);
      const { child } = startBkg(invoke(server.url, '-c', type, '-f', pipe));
      await delay(700);
      child.kill('SIGINT');
      // Its code in a shell is 130.
      expect(await once(child, 'exit')).toEqual([null, 'SIGINT']);
    },
  );
});

describe('--stream', () => {
  const events = (...parts: string[]) =>
    listening((request, response) => {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'x-accept': request.headers.accept ?? '',
      });
      response.end(parts.join(''));
    });

  it('prints each chunk as a line when it comes, and the output as the last', async () => {
    let go: (() => void) | undefined;
    let accept: string | undefined;
    await using server = await listening((request, response) => {
      accept = request.headers.accept;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: chunk\nid: 0\ndata: {"n":1.10}\n\n:\n\nevent: chunk\nid: 1\nda');
      go = () => response.end('ta: {\ndata:  "n": 2\ndata: }\n\nevent: result\ndata: "ä 漢"\n\n');
    });
    const { printed, ended } = startBkg(invoke(server.url, '--stream'));
    await eventually(() => printed.stdout === '{"n":1.10}\n');
    go?.();
    expect(await ended).toEqual({ code: 0, stdout: '{"n":1.10}\n{  "n": 2 }\n"ä 漢"\n', stderr: '' });
    expect(accept).toMatch(/^text\/event-stream,/);
  });

  it.each([
    [
      'an error in the middle',
      `event: error\ndata: ${problem('P_NO', 422)}\n\n`,
      /^bkg: P_NO \(422\): It says no\./,
    ],
    [
      'an error that would be none of the plugin before',
      `event: error\ndata: ${problem('PLUGIN_NOT_FOUND', 404)}\n\n`,
      /^bkg: PLUGIN_NOT_FOUND \(404\)/,
    ],
    ['an end without an end', '', /^bkg: The answer was cut off after 1 chunks/],
  ])('ends with 3 at %s, after what came before', async (_, end, why) => {
    await using server = await events('event: chunk\ndata: 1\n\n', end);
    const { code, stdout, stderr } = await bkg(invoke(server.url, '--stream'));
    expect([code, stdout]).toEqual([3, '1\n']);
    expect(stderr).toMatch(why);
  });

  it('prints the output of a capability that does not stream', async () => {
    await using server = await listening((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"a": 1}');
    });
    expect(await bkg(invoke(server.url, '-s'))).toEqual({ code: 0, stdout: '{"a": 1}', stderr: '' });
  });

  it('closes the connection at Ctrl-C, which cancels the invocation', async () => {
    let isClosed = false;
    await using server = await listening((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('event: chunk\ndata: 1\n\n');
      response.on('close', () => (isClosed = true));
    });
    const { child, printed, ended } = startBkg(invoke(server.url, '--stream'));
    await eventually(() => printed.stdout === '1\n');
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, stdout: '1\n', stderr: '' });
    await eventually(() => isClosed);
  });
});

describe('on a terminal', () => {
  async function* body(text: string): AsyncGenerator<Buffer> {
    yield await Promise.resolve(Buffer.from(text));
  }
  const shown = async (contentType: string, text: string): Promise<string> => {
    let written = '';
    const output = {
      write: (data: Uint8Array | string) => {
        written += String(data);
        return Promise.resolve();
      },
      end: () => Promise.resolve(),
      discard: () => Promise.resolve(),
    };
    const answer = { status: 200, headers: { 'content-type': contentType }, body: body(text) };
    await writeAnswer(answer, { gateway: {} as Gateway, plugin: 'p', output, isForPeople: true });
    return written;
  };

  it('text is made harmless, and chunks too', async () => {
    expect(await shown('text/plain', 'a\u001b[2Jb\nc')).toBe('a\\u001b[2Jb\nc\n');
    expect(await shown('application/json', '{"a":1}')).toBe('{\n  "a": 1\n}\n');
    expect(await shown('text/event-stream', 'event: result\ndata: "\u0085"\n\n')).toBe('"\\u0085"\n');
  });

  it('bytes are refused, with the way out', async () => {
    await expect(shown('image/png', 'PNG')).rejects.toMatchObject({
      message: 'The output is image/png, which is nothing for a terminal; the invocation was ended.',
      remedy: expect.stringContaining('--output <file>') as string,
    });
  });

  it('how far a long transfer is stands in a line that goes again', async () => {
    expect(progressText('sent', 5 * 1024 ** 2, 64 * 1024 ** 2, 2_000)).toBe(
      'sent 5.0 of 64.0 MiB, 2.5 MiB/s',
    );
    expect(progressText('received', 1024 ** 2, undefined, 1_000)).toBe('received 1.0 MiB, 1.0 MiB/s');
    const parts: string[] = [];
    const stream = { isTTY: true, write: (text: string | Uint8Array) => Boolean(parts.push(String(text))) };
    const progress = new Progress('sent', undefined, { stream, shownAfterMs: 0 });
    progress.add(1024 ** 2);
    await eventually(() => parts.length > 0);
    progress[Symbol.dispose]();
    expect(parts[0]).toContain('sent 1.0 MiB, ');
    expect(parts.at(-1)).toBe('\r\x1b[2K');
  });
});

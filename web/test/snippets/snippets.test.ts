import type { PluginCapability } from '@bkg/sdk/protocol';
import { describe, expect, it } from 'vitest';
import { pythonString, shellQuote } from '../../src/lib/snippets/quote.ts';
import { snippetRequest } from '../../src/lib/snippets/snippet-request.ts';
import { snippetLanguages, snippetOf } from '../../src/lib/snippets/snippets.ts';

const capability = (part: Partial<PluginCapability> = {}): PluginCapability => ({
  id: 'text.say',
  name: 'text.say',
  description: '',
  input_schema: true,
  output_schema: true,
  stream: false,
  upload: false,
  idempotent: false,
  ...part,
});

function textOf(
  language: (typeof snippetLanguages)[number],
  part: Partial<PluginCapability>,
  payload = '{"a": 1}',
): string {
  const snippet = snippetOf(
    language,
    snippetRequest(capability(part), {
      baseUrl: 'http://localhost:43119',
      plugin: 'echo',
      timeoutSecs: 30,
      payload,
      streams: true,
    }),
  );
  return 'text' in snippet ? snippet.text : `none: ${snippet.whyNot}`;
}

describe('an invocation as a text', () => {
  it('for curl is a command that somebody can read', () => {
    expect(textOf('curl', {})).toBe(`: "\${BKG_API_KEY:=$(cat .bkg/admin.key)}"
curl -sS --fail-with-body --max-time 35 'http://localhost:43119/api/plugins/echo/invoke/text.say' \\
  -H "Authorization: Bearer $BKG_API_KEY" \\
  -H 'Content-Type: application/json' \\
  --data-raw '{"a": 1}'
`);
  });

  it('has an answer that is bytes in its file when it is whole, and not before', () => {
    const inFile = { output_type: 'image/png' };
    expect(textOf('curl', inFile)).toBe(`: "\${BKG_API_KEY:=$(cat .bkg/admin.key)}"
if curl -sS --fail-with-body --max-time 35 'http://localhost:43119/api/plugins/echo/invoke/text.say' \\
  -H "Authorization: Bearer $BKG_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -o './answer.png.part' \\
  --data-raw '{"a": 1}'
then
  mv './answer.png.part' './answer.png'
else
  # 22: it was answered with a failure, which says why.
  test $? = 22 && cat './answer.png.part'
  rm -f './answer.png.part'
  false
fi
`);
    expect(textOf('nats', inFile)).toContain(`--translate 'tee '\\''./answer.png.part'\\''' \\
  '{"a": 1}' 2>&1 > /dev/null | grep -E 'Nats-Service-Error:|No responders|error:'
then
`);
  });

  it('for the nats command takes the key for the broker, too', () => {
    const text = textOf('nats', {});
    expect(text).toContain(`request 'plugin.echo.invoke.text.say'`);
    expect(text).toContain('NATS_PASSWORD="$BKG_API_KEY"');
    expect(text).toMatch(/'\{"a": 1\}'\n$/);
  });

  it('asks for chunks where the playground does', () => {
    const streaming = { stream: true, chunk_schema: true };
    expect(textOf('curl', streaming)).toContain('text/event-stream');
    expect(textOf('nats', streaming)).toContain('-H Bkg-Stream:1024 --replies 1025');
    expect(textOf('TypeScript', streaming)).toContain('for await (const chunk of stream)');
    expect(textOf('Python', streaming)).toContain('for line in answer:');
  });

  it('keeps numbers that JavaScript would change out of its hands', () => {
    expect(textOf('TypeScript', {}, '{"n": 1.50}')).toContain(
      'gateway.invoke("echo", "text.say", {"n": 1.50}',
    );
    expect(textOf('TypeScript', {}, '{"n": 12345678901234567890}')).toContain('gateway.invokeRaw(');
    expect(textOf('TypeScript', {}, '{"__proto__": 1}')).toContain('gateway.invokeRaw(');
  });

  it.for(snippetLanguages)('is none for %s as long as the payload is no JSON', (language) => {
    for (const payload of ['', '{', '1; await import("child_process")', '{}\nEND_OF_JSON\nls'])
      expect(textOf(language, {}, payload)).toBe(
        'none: The payload is no JSON, so there is nothing to send yet.',
      );
  });

  it('says why the nats command cannot do it', () => {
    expect(textOf('nats', { stream: true, chunk_type: 'image/png' })).toMatch(/^none: /);
  });
});

it('a word of the shell is what it was', () => {
  expect(shellQuote(`it's`)).toBe(String.raw`'it'\''s'`);
});

it('a text of Python is raw where it can be', () => {
  expect(pythonString('{"a": "\\n"}')).toBe(String.raw`r'''{"a": "\n"}'''`);
  expect(pythonString('{"a": "\'\'\'"}')).toBe(String.raw`"{\"a\": \"'''\"}"`);
  expect(pythonString('1\r\n')).toBe(String.raw`"1\r\n"`);
});

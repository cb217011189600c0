import { readsExactly } from '../json-number.ts';
import { tokenize } from '../json-tokens.ts';
import { javascriptString } from './quote.ts';
import { invokeUrl, patienceSecs, type SnippetRequest } from './snippet-request.ts';

/** For Node, with the SDK; what is bytes goes over HTTP, because the socket has text only. */
export function typescriptSnippet(request: SnippetRequest): string {
  return 'file' in request.input || request.answer === 'bytes' ? overHttp(request) : overSocket(request);
}

const key = "process.env.BKG_API_KEY ?? readFileSync('.bkg/admin.key', 'utf8').trim()";

function overSocket({ baseUrl, plugin, capability, input, answer, timeoutSecs }: SnippetRequest): string {
  const json = 'json' in input ? input.json : '';
  // As an object its numbers would be those of JavaScript; as text they stay as they are.
  const isText = !isLiteral(json);
  const payload = isText ? javascriptString(json) : json.trim();
  const name = (plain: string) => (isText ? `${plain}Raw` : plain);
  const shown = (value: string) => (isText ? value : `JSON.stringify(${value})`);
  const call = (method: string) =>
    `gateway.${name(method)}(${javascriptString(plugin)}, ${javascriptString(capability)}, ${payload}, { timeoutMs: ${Math.round(timeoutSecs * 1_000)} })`;
  const body =
    answer === 'chunks'
      ? `const stream = ${call('stream')};
for await (const chunk of stream) console.log(${shown('chunk')});
console.log(${shown('await stream.output')});`
      : `const output = await ${call('invoke')};
console.log(${isText ? 'output.text' : shown('output')});`;
  return `import { readFileSync } from 'node:fs';
import { connectGateway } from '@bkg/sdk/client/ws';

const gateway = connectGateway({
  url: ${javascriptString(baseUrl)},
  apiKey: ${key},
});
${body}
await gateway.close();
`;
}

function overHttp(request: SnippetRequest): string {
  const { input, answer, answerFile } = request;
  const isFile = 'file' in input;
  const imports = [
    `import { ${isFile ? 'openAsBlob, readFileSync' : 'readFileSync'} } from 'node:fs';`,
    ...(answer === 'bytes' ? ["import { writeFile } from 'node:fs/promises';"] : []),
  ];
  const options = [
    "method: 'POST'",
    `headers: { authorization: \`Bearer \${key}\`, 'content-type': ${javascriptString(isFile ? input.type : 'application/json')}${
      answer === 'chunks' ? ", accept: 'text/event-stream'" : ''
    } }`,
    `body: ${isFile ? `await openAsBlob(${javascriptString(`./${input.file}`)})` : javascriptString(input.json)}`,
    `signal: AbortSignal.timeout(${patienceSecs(request) * 1_000})`,
  ];
  return `${imports.join('\n')}

const key = ${key};
const answer = await fetch(${javascriptString(invokeUrl(request))}, {
  ${options.join(',\n  ')},
});
if (!answer.ok) throw new Error(await answer.text());
${whatIsDone()}
`;

  function whatIsDone(): string {
    if (answer === 'bytes')
      return `if (answer.body) await writeFile(${javascriptString(`./${answerFile}`)}, answer.body);`;
    if (answer === 'output') return 'console.log(await answer.text());';
    // Events as they come: chunks, and the result or the error.
    return `if (answer.body)
  for await (const events of answer.body.pipeThrough(new TextDecoderStream())) process.stdout.write(events);`;
  }
}

/** Whether JSON means the same as JavaScript: each number is the one that is written, and no member is the prototype. */
function isLiteral(json: string): boolean {
  return tokenize(json).every(({ kind, start, end }) => {
    const text = json.slice(start, end);
    if (kind === 'key') return JSON.parse(text) !== '__proto__';
    return kind !== 'number' || readsExactly(text);
  });
}

import { javascriptString as text, pythonString } from './quote.ts';
import { invokeUrl, patienceSecs, type SnippetRequest } from './snippet-request.ts';

/** For Python 3, with nothing but its standard library, over HTTP. */
export function pythonSnippet(request: SnippetRequest): string {
  const { input, answer, answerFile } = request;
  const isFile = 'file' in input;
  const imports = [
    'import os',
    ...(answer === 'bytes' ? ['import shutil'] : []),
    'import sys',
    'import urllib.error',
    'import urllib.request',
  ];
  const type = isFile ? input.type : 'application/json';
  const headers = [
    '"Authorization": f"Bearer {key}"',
    `"Content-Type": ${text(type)}`,
    ...(answer === 'chunks' ? ['"Accept": "text/event-stream"'] : []),
    // With a length a file is sent while it is read.
    ...(isFile ? ['"Content-Length": str(os.path.getsize(name))'] : []),
  ];
  const payload = isFile ? `name = ${text(`./${input.file}`)}` : `payload = ${pythonString(input.json)}`;
  return `${imports.join('\n')}

key = os.environ.get("BKG_API_KEY") or open(".bkg/admin.key").read().strip()
${payload}
request = urllib.request.Request(
    ${text(invokeUrl(request))},
    method="POST",
    data=${isFile ? 'open(name, "rb")' : 'payload.encode()'},
    headers={
${headers.map((header) => `        ${header},`).join('\n')}
    },
)
try:
    with urllib.request.urlopen(request, timeout=${patienceSecs(request)}) as answer:
${whatIsDone()
  .map((line) => `        ${line}`)
  .join('\n')}
except urllib.error.HTTPError as failure:
    sys.exit(failure.read().decode())
`;

  function whatIsDone(): string[] {
    if (answer === 'bytes')
      return [`with open(${text(`./${answerFile}`)}, "wb") as file:`, '    shutil.copyfileobj(answer, file)'];
    // Events as they come: chunks, and the result or the error.
    if (answer === 'chunks')
      return ['for line in answer:', '    sys.stdout.buffer.write(line)', '    sys.stdout.buffer.flush()'];
    return ['sys.stdout.buffer.write(answer.read())'];
  }
}
